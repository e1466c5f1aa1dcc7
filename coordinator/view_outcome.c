/*  What became of a request, for who has not got its answer.                 */
#include <string.h>

#include "coordinator/view.h"
#include "proto/json.h"

static const char *
s_kind (covey_show_t show)
{
    switch (show) {
        case COVEY_SHOW_NOTHING:
            return NULL;
        case COVEY_SHOW_TASK:
            return "task";
        case COVEY_SHOW_SCHEDULE:
            return "schedule";
        case COVEY_SHOW_BATCH:
            return "batch";
        case COVEY_SHOW_SWARM:
            return "swarm";
        case COVEY_SHOW_VOTE:
        case COVEY_SHOW_BALLOT:
            return "vote";
        case COVEY_SHOW_MEMORY:
        case COVEY_SHOW_MEMORY_VALUE:
        case COVEY_SHOW_COUNTER:
            return "memory";
        case COVEY_SHOW_LIMITS:
            return "limits";
        case COVEY_SHOW_CLAIM:
            return "claim";
        case COVEY_SHOW_ROLE:
            return "role";
        case COVEY_SHOW_SESSION:
            return "coordination";
    }
    return NULL;
}

static void
s_answered (const covey_answer_t *answer, Covey__Control__Outcome *to)
{
    to->state = answer->code ? "refused" : "done";
    to->code = answer->code ? (char *)covey_err_name (answer->code) : NULL;
    to->message = answer->text;
    to->shows = (char *)s_kind (answer->show);
    to->id = answer->id;
}

covey_err_t
covey_state_outcome (const covey_state_t *self, const char *caller,
                     const Covey__Control__OutcomeQuery *query, covey_buf_t *to,
                     covey_errbuf_t *err)
{
    Covey__Control__Outcome view = COVEY__CONTROL__OUTCOME__INIT;
    const covey_answer_t *answer = NULL;
    view.request_id = query->request_id;
    view.client = query->client ? query->client : (char *)caller;
    view.state = "unknown";
    switch (covey_clients_look (&self->clients, view.client, query->request_id,
                                &answer)) {
        case COVEY_REQUEST_ANSWERED:
            s_answered (answer, &view);
            break;
        case COVEY_REQUEST_NEW:
            view.code = (char *)covey_err_name (COVEY_NOTFOUND);
            view.message = "it was not executed so far, and may still come; "
                           "sent again under the same id it is executed once";
            break;
        case COVEY_REQUEST_FORGOTTEN:
            view.code = (char *)covey_err_name (COVEY_FORGOTTEN);
            view.message = "requests of that time are not remembered any more; "
                           "it will not be executed again";
            break;
    }
    return covey_json_write (&view.base, to)
               ? covey_fail (err, COVEY_LIMIT,
                             "the answer has more than %d bytes",
                             COVEY_PAYLOAD_MAX)
               : COVEY_OK;
}
