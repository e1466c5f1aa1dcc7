/*  query - a filter of the public API as a message of store.proto            */
#ifndef COVEY_QUERY_H_INCLUDED
#define COVEY_QUERY_H_INCLUDED

#include "base/err.h"
#include "proto/store.pb-c.h"

#define COVEY_QUERY_LIMIT_DEFAULT 100
#define COVEY_QUERY_LIMIT_MAX 10000

/*  Owns nothing but the lists of texts that it made from numbers and ids.    */
typedef struct {
    Covey__Store__EventQuery message;
    char **made[3]; /* types, priorities, ids                                 */
    size_t made_count[3];
} covey_query_t;

/*  `filter` is borrowed for the query's life. INVALID, LIMIT: a value is not
    allowed.                                                                  */
covey_err_t covey_query_init (covey_query_t *self, const covey_filter_t *filter,
                              covey_errbuf_t *err);
void covey_query_deinit (covey_query_t *self);

/*  The same for stats and aggregates.                                        */
typedef struct {
    Covey__Store__StatsQuery message;
    char **made;
    size_t made_count;
} covey_stats_query_t;

covey_err_t covey_stats_query_init (covey_stats_query_t *self,
                                    const covey_filter_t *filter,
                                    covey_errbuf_t *err);
void covey_stats_query_deinit (covey_stats_query_t *self);

/*  One row of a page as an event with its offset.                            */
covey_err_t covey_query_event (const Covey__Store__EventRow *row,
                               covey_event_t **event_p, covey_errbuf_t *err);

/*  The rows of a StatsResult or AggregatesResult as a JSON array.            */
covey_err_t covey_query_rows_json (const ProtobufCMessage *const *rows,
                                   size_t count, char **result_p,
                                   covey_errbuf_t *err);

#endif
