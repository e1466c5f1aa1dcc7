/*  errand_text - the words of a errand: environment, report parameters, lines

    Role      turns a task:assigned or swarm:consensus:request event into what
              the command sees, and what the command said into the JSON of the
              coordinator's methods; no state
    Memory    returned texts are the caller's (free)
*/
#ifndef COVEY_ERRAND_TEXT_H_INCLUDED
#define COVEY_ERRAND_TEXT_H_INCLUDED

#include "base/buf.h"
#include "covey.h"

/*  "NN% text": the rest behind the percent sign and blanks, or NULL when the
    line is not of that form with NN in 0..100.                               */
const char *covey_errand_progress (const char *line, int *percent_p);

/*  "%details TEXT": the text, or NULL when the line is not of that form.     */
const char *covey_errand_details (const char *line);

/*  environ with the COVEY_* variables of the event in it.                   */
char **covey_errand_env (const covey_event_t *event, const covey_agent_t *agent,
                         const char *endpoint);
void covey_errand_env_free (char **env);

/*  {"taskId":…,"fencingToken":…} and what each method adds to it.           */
char *covey_errand_params (const covey_event_t *assigned);
/*  `details` may be NULL; they are JSON when they parse as JSON, else text. */
char *covey_errand_progress_params (const covey_event_t *assigned, int percent,
                                    const char *status, const char *details);
char *covey_errand_yield_params (const covey_event_t *assigned,
                                 const char *details);
char *covey_errand_fail_params (const covey_event_t *assigned,
                                const char *error, const char *code,
                                bool retryable);
char *covey_errand_reject_params (const covey_event_t *assigned,
                                  const char *reason);
/*  {"coordinationId":…} and, when it is given, the reason.                  */
char *covey_errand_coordination_params (const covey_event_t *request,
                                        const char *reason);
char *covey_errand_fail_large (const covey_event_t *assigned);
/*  The result is JSON when it parses as JSON, else text when it is UTF-8,
    else binary. NULL: too large for a payload.                               */
char *covey_errand_complete_params (const covey_event_t *assigned,
                                    const void *output, size_t size);
/*  The reason is the output's first line.                                   */
char *covey_errand_ballot_params (const covey_event_t *request,
                                  const char *vote, const void *output,
                                  size_t size);

/*  How a program ended that did not end well: "EXIT_3" and "exit status 3",
    or "SIGKILL" and "ended by SIGKILL".                                      */
void covey_errand_exit_text (int status, char *code, size_t code_size,
                             char *text, size_t text_size);

/*  A line on our standard error, with the task's or the vote's id before it. */
void covey_errand_say (const covey_event_t *event, const char *line);

#endif
