/*  job - one query of an agent, from its request to its response

    Role      what the persister's thread and its reader pass to each other;
              whoever holds the pointer owns it
    Methods   mesh.events (EventQuery, answered with a packed EventPage),
              mesh.stats, mesh.aggregates (StatsQuery, answered with JSON)
*/
#ifndef COVEY_JOB_H_INCLUDED
#define COVEY_JOB_H_INCLUDED

#include "persist/journal.h"
#include "proto/event.h"

#define COVEY_JOB_TIMEOUT_MS 30000
#define COVEY_JOB_WAIT_MAX_MS 30000
#define COVEY_JOB_PAGE_BYTES (512u << 10)
/*  A row with a larger event comes alone and in parts of this size.         */
#define COVEY_JOB_PART_BYTES (768u << 10)

typedef enum {
    COVEY_JOB_EVENTS,
    COVEY_JOB_STATS,
    COVEY_JOB_AGGREGATES
} covey_job_kind_t;

typedef struct {
    covey_job_kind_t kind;
    uint64_t token;
    covey_event_t *request;
    ProtobufCMessage *params;
    int64_t deadline_ms; /* the asker waits no longer                         */
    int64_t wait_ms;     /* hold until then when there is nothing; 0: do not  */
    /* of the last run */
    covey_err_t code;
    covey_errbuf_t err;
    covey_buf_t result;
    size_t rows;
    int64_t scanned;
} covey_job_t;

/*  The method and params of `request`, which is consumed. Never NULL.       */
covey_job_t *covey_job_new (covey_job_kind_t kind, uint64_t token,
                            covey_event_t **request_p,
                            ProtobufCMessage **params_p, int64_t now_ms);
void covey_job_destroy (covey_job_t **self_p);
/*  Run against a journal that is not in a batch.                            */
void covey_job_run (covey_job_t *self, covey_journal_t *journal);
/*  The next run goes on behind what this one looked at.                     */
void covey_job_continue (covey_job_t *self);
/*  The answer to the last run; NULL when there is no memory for it.         */
covey_event_t *covey_job_answer (const covey_job_t *self);

/*  Params of a request as a message of `descriptor`; absent ones are {}.    */
covey_err_t covey_job_read_params (const covey_event_t *request,
                                   const ProtobufCMessageDescriptor *descriptor,
                                   ProtobufCMessage **params_p,
                                   covey_errbuf_t *err);
/*  An answer with a JSON result; an error when the result does not fit.     */
covey_event_t *covey_job_response (const covey_event_t *request,
                                   const ProtobufCMessage *result);

#endif
