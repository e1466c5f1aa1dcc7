/*  fraction - exact shares: "2/3", "60%", "more than 1/2"

    Role      pure; whole numbers only, so that no rounding decides a vote
    Limits    denominators up to COVEY_FRACTION_MAX; parts and wholes are any
              64-bit numbers
*/
#ifndef COVEY_FRACTION_H_INCLUDED
#define COVEY_FRACTION_H_INCLUDED

#include "base/err.h"

#define COVEY_FRACTION_MAX 1000000u
#define COVEY_FRACTION_TEXT 24  /* room for any of them as text */
#define COVEY_FRACTION_WORDS 72 /* and for a threshold in words */

typedef struct {
    uint32_t num;
    uint32_t den; /* 0: none was given                                        */
} covey_fraction_t;

/*  How a part must relate to its whole.                                     */
typedef struct {
    covey_fraction_t share;
    bool above; /* more than the share; else at least                         */
} covey_threshold_t;

/*  -1, 0, 1: `part` is less than, exactly, more than the fraction of `whole`.*/
int covey_fraction_compare (uint64_t part, uint64_t whole,
                            covey_fraction_t fraction);

/*  "N/D" or "N%", above 0 and at most 1. INVALID says what is wrong with
    `what`.                                                                   */
covey_err_t covey_fraction_parse (const char *what, const char *text,
                                  covey_fraction_t *fraction_p,
                                  covey_errbuf_t *err);
/*  The same, and ">N/D" for more than it, which must be below 1.            */
covey_err_t covey_threshold_parse (const char *what, const char *text,
                                   covey_threshold_t *threshold_p,
                                   covey_errbuf_t *err);
/*  Above 0, at most 1 (below 1 when more than it is asked for).             */
bool covey_fraction_is_share (covey_fraction_t fraction);
bool covey_threshold_is_good (covey_threshold_t threshold);

/*  As it is parsed: "2/3", ">1/2".                                          */
void covey_fraction_text (covey_fraction_t fraction,
                          char text[COVEY_FRACTION_TEXT]);
void covey_threshold_text (covey_threshold_t threshold,
                           char text[COVEY_FRACTION_TEXT]);
/*  In a sentence: "more than half", "at least 2/3", "all"; and when it is not
    so: "not more than half", "less than 2/3", "not all".                     */
void covey_threshold_words (covey_threshold_t threshold, bool reached,
                            char text[COVEY_FRACTION_WORDS]);

#endif
