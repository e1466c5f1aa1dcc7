/*  text - how text looks on a terminal: display width, ages, colours

    Width     columns by code point: 2 for East Asian wide and emoji, 0 for
              combining marks; no locale is needed
*/
#ifndef COVEY_TEXT_H_INCLUDED
#define COVEY_TEXT_H_INCLUDED

#include "cli/cli.h"

/*  Columns that `text` takes.                                               */
size_t covey_text_width (const char *text);
/*  Bytes of the longest prefix of at most `columns` columns.                */
size_t covey_text_fit (const char *text, size_t columns);
/*  Columns of the terminal behind stdout; 0: it is none.                    */
size_t covey_text_terminal_width (void);
/*  "3s", "12m", "5h", "2d" since `wall_us`.                                 */
void covey_text_age (int64_t now_us, int64_t wall_us, char text[24]);
/*  Local time: "14:02:31.123" today, "2026-11-23 14:02:31" on other days.   */
void covey_text_time (int64_t now_us, int64_t wall_us, char text[40]);
/*  Escape sequence that suits a state word ("alive", "failed", ...), or "". */
const char *covey_text_state_colour (const covey_cli_t *cli, const char *state);
const char *covey_text_bold (const covey_cli_t *cli);
const char *covey_text_plain (const covey_cli_t *cli);

#endif
