/*  Pack, unpack, check and peek of events of about 300 bytes, beside the bare
    copy of the same bytes.                                                   */

#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "proto/event.h"
#include "proto/peek.h"

static covey_event_t *
s_event (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    char body[200];
    memset (body, 'x', sizeof body);
    bench_check (covey_event_set_source (event, "bench-sender"), "source");
    bench_check (covey_event_add_target (event, "bench-receiver"), "target");
    bench_check (covey_event_set_str (event, "messageId", "message-1"), "id");
    bench_check (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                          body, sizeof body),
                 "content");
    bench_check (covey_event_set_str (event, "contentType", "text"), "type");
    return event;
}

int
main (void)
{
    long rounds = bench_env ("BENCH_EVENTS", 300000);
    covey_event_t *event = s_event ();
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_EVENT_MAX);
    int64_t start = bench_now_ns ();
    for (long i = 0; i < rounds; i++) {
        covey_buf_clear (&buf);
        bench_check (covey_event_pack (event, &buf, NULL), "pack");
    }
    double per = (double)(bench_now_ns () - start) / (double)rounds;
    bench_print ("event.size", (double)buf.size, "bytes");
    bench_print ("event.pack", per, "ns");

    start = bench_now_ns ();
    for (long i = 0; i < rounds; i++) {
        covey_event_t *copy = NULL;
        bench_check (covey_event_unpack (buf.data, buf.size, &copy, NULL),
                     "unpack");
        covey_event_destroy (&copy);
    }
    per = (double)(bench_now_ns () - start) / (double)rounds;
    bench_print ("event.check_and_unpack", per, "ns");

    start = bench_now_ns ();
    for (long i = 0; i < rounds; i++)
        bench_check (covey_event_check (buf.data, buf.size, NULL), "check");
    per = (double)(bench_now_ns () - start) / (double)rounds;
    bench_print ("event.check", per, "ns");

    start = bench_now_ns ();
    uint64_t sum = 0;
    for (long i = 0; i < rounds; i++) {
        covey_peek_t view;
        bench_check (covey_peek (buf.data, buf.size, &view), "peek");
        sum += view.source.size;
    }
    per = (double)(bench_now_ns () - start) / (double)rounds;
    bench_print ("event.peek", per, "ns");

    uint8_t *copy = malloc (buf.size);
    start = bench_now_ns ();
    for (long i = 0; i < rounds; i++) {
        memcpy (copy, buf.data, buf.size);
        __asm__ volatile("" : : "r"(copy) : "memory");
        sum += copy[i % (long)buf.size];
    }
    per = (double)(bench_now_ns () - start) / (double)rounds;
    bench_print ("raw.copy", per, "ns");
    free (copy);
    covey_buf_deinit (&buf);
    covey_event_destroy (&event);
    return sum == 0;
}
