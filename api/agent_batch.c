/*  agent_batch - many events, one wait, a verdict for each                   */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

/*  What became of one, without waiting.                                      */
static void
s_fail_one (covey_batch_result_t *result, covey_err_t code, const char *text)
{
    result->code = code;
    covey_str_copy (result->text, sizeof result->text, text);
}

/*  Queue them in order. One that is wrong is passed over; behind one that
    finds no room none is queued, so that none overtakes another.             */
static void
s_queue_all (covey_agent_t *self, covey_event_t **events, size_t count,
             covey_level_t level, int64_t until_ms, covey_verdict_t *verdicts,
             covey_batch_result_t *results)
{
    covey_err_t stop = COVEY_OK;
    covey_errbuf_t err = {.text = ""};
    for (size_t i = 0; i < count; i++) {
        covey_batch_result_t *result = &results[i];
        result->receipt.offset = -1;
        if (!events[i]) {
            s_fail_one (result, COVEY_INVALID, "there is no event to publish");
            continue;
        }
        memcpy (result->receipt.id, covey_event_id (events[i]), 16);
        if (stop) {
            s_fail_one (result, stop, err.text);
            covey_event_destroy (&events[i]);
            continue;
        }
        uint64_t ticket;
        covey_err_t rc = covey_i_agent_queue (self, &events[i], level, until_ms,
                                              0, &verdicts[i], &ticket, &err);
        if (rc)
            s_fail_one (result, rc, err.text);
        /* The event is at fault, or the way to the node. */
        if (rc && rc != COVEY_INVALID && rc != COVEY_LIMIT &&
            rc != COVEY_MALFORMED)
            stop = rc;
    }
}

static void
s_await_all (covey_agent_t *self, size_t count, int64_t until_ms,
             int timeout_ms, covey_verdict_t *verdicts,
             covey_batch_result_t *results)
{
    covey_errbuf_t err;
    for (size_t i = 0; i < count; i++) {
        if (results[i].code)
            continue;
        covey_err_t rc = covey_i_agent_await (self, &verdicts[i], until_ms,
                                              timeout_ms, &err);
        if (rc)
            s_fail_one (&results[i], rc, err.text);
    }
    for (size_t i = 0; i < count; i++) {
        if (!verdicts[i].ticket)
            continue;
        covey_i_agent_forget (self, &verdicts[i]);
        results[i].receipt.level = verdicts[i].reached;
        results[i].receipt.offset = verdicts[i].offset;
    }
}

/*  The first one that failed speaks for the call.                            */
static covey_err_t
s_sum_up (const covey_batch_result_t *results, size_t count)
{
    size_t failed = 0, first = 0;
    for (size_t i = count; i-- > 0;)
        if (results[i].code) {
            failed++;
            first = i;
        }
    if (!failed)
        return COVEY_OK;
    return covey_fail (covey_errbuf (), results[first].code,
                       "%zu of %zu events failed, event %zu first: %s", failed,
                       count, first, results[first].text);
}

covey_err_t
covey_agent_publish_batch (covey_agent_t *self, covey_event_t **events,
                           size_t count, covey_level_t level, int timeout_ms,
                           covey_batch_result_t *results)
{
    assert (self && (events || !count));
    if (count > COVEY_BATCH_MAX) {
        for (size_t i = 0; i < count; i++)
            covey_event_destroy (&events[i]);
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "a batch of %zu events: at most %d are allowed",
                           count, COVEY_BATCH_MAX);
    }
    covey_batch_result_t *own = calloc (count + 1, sizeof *own);
    covey_verdict_t *verdicts = calloc (count + 1, sizeof *verdicts);
    if (!own || !verdicts)
        abort ();
    if (level < COVEY_LEVEL_ACCEPTED)
        level = COVEY_LEVEL_ACCEPTED;
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_i_agent_lock (self);
    s_queue_all (self, events, count, level, until_ms, verdicts, own);
    covey_i_agent_flush (self);
    s_await_all (self, count, until_ms, timeout_ms, verdicts, own);
    covey_i_agent_unlock (self);
    if (results && count)
        memcpy (results, own, count * sizeof *own);
    covey_err_t rc = s_sum_up (own, count);
    free (own);
    free (verdicts);
    return rc;
}
