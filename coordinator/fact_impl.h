/*  fact_impl - what facts are written with; for fact*.c only

    A fact is begun even while replaying, so that ids and stamps come out
    alike; it is NULL then, and what is put into it goes nowhere. What an event
    refuses, packing refuses again and names it; the shell logs that.         */
#ifndef COVEY_FACT_IMPL_H_INCLUDED
#define COVEY_FACT_IMPL_H_INCLUDED

#include "coordinator/fact.h"

/*  The next fact of the command at hand, with its cause.                    */
covey_event_t *covey_fact_begin (covey_state_t *state, int type,
                                 const char *source,
                                 const char *correlation_id);
/*  `value` NULL: nothing.                                                   */
void covey_fact_put_str (covey_event_t *event, const char *field,
                         const char *value);
void covey_fact_put_int (covey_event_t *event, const char *field,
                         int64_t value);
void covey_fact_put_num (covey_event_t *event, const char *field, double value);
void covey_fact_put_bool (covey_event_t *event, const char *field, bool value);
void covey_fact_put_json (covey_event_t *event, const char *field,
                          const char *json);
void covey_fact_put_payload (covey_event_t *event, const char *field,
                             int content, const void *data, size_t size);
void covey_fact_put_metadata (covey_event_t *event, const char *key,
                              const char *value);
void covey_fact_add_str (covey_event_t *event, const char *field,
                         const char *value);
/*  A tag of the envelope.                                                   */
void covey_fact_add_tag (covey_event_t *event, const char *tag);
void covey_fact_add_target (covey_event_t *event, const char *agent_id);

#endif
