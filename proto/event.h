/*  event - the event class behind covey.h, as the rooms see it

    covey.h declares the class and its public functions; this header adds what
    only libcovey itself uses. Files of proto/ implement both.
*/
#ifndef COVEY_EVENT_H_INCLUDED
#define COVEY_EVENT_H_INCLUDED

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "proto/wire.pb-c.h"

/*  The reserved agent ids of the mesh's own services.                       */
#define COVEY_SERVICE_COORDINATOR "coordinator"
#define COVEY_SERVICE_PERSISTER "persister"
#define COVEY_SERVICE_NODE "node"

/*  Decode, encode and validate with the caller's error buffer. Decode checks
    (covey_event_check) before it allocates.                                  */
covey_err_t covey_event_unpack (const void *data, size_t size,
                                covey_event_t **event_p, covey_errbuf_t *err);
covey_err_t covey_event_pack (const covey_event_t *self, covey_buf_t *to,
                              covey_errbuf_t *err);
size_t covey_event_packed_size (const covey_event_t *self);

/*  An event with a given id and time (cores make theirs from log positions). */
covey_event_t *covey_event_make (int type, covey_id_t id, int64_t timestamp_us);
void covey_event_set_hlc (covey_event_t *self, uint64_t hlc);
void covey_event_clear_targets (covey_event_t *self);
void covey_event_set_offset (covey_event_t *self, int64_t offset);
const uint8_t *covey_event_origin (const covey_event_t *self); /* or NULL */
uint64_t covey_event_origin_seq (const covey_event_t *self);

/*  Append the origin to packed bytes: the two fields at the end, which win
    over any sent by the publisher.                                           */
#define COVEY_ORIGIN_SIZE_MAX 32
covey_err_t covey_event_append_origin (covey_buf_t *packed,
                                       const uint8_t node_id[16], uint64_t seq);

/*  Append a target to packed bytes, behind those that they have.            */
#define COVEY_TARGET_SIZE_MAX (3 + COVEY_AGENT_ID_MAX)
covey_err_t covey_event_append_target (covey_buf_t *packed,
                                       const char *agent_id);

/*  The group that set_group chose, or NULL; and whether the publisher wants to
    hear that the event came to its target.                                   */
const Covey__Wire__Group *covey_event_group (const covey_event_t *self);
void covey_event_set_heard (covey_event_t *self, bool heard);
bool covey_event_heard (const covey_event_t *self);
/*  A scope as the selector of a group; freed with protobuf_c_message_free_-
    unpacked (group, NULL). Errors are in covey_error ().                     */
covey_err_t covey_group_make (const covey_scope_t *scope,
                              Covey__Wire__Group **group_p);

/*  JSON with the caller's buffers; see proto/json.h for the mapping.        */
covey_err_t covey_event_write_json (const covey_event_t *self, covey_buf_t *to);
/*  Only the data of the type, as under "data" of the whole; {} when the type is
    unknown.               */
covey_err_t covey_event_write_data_json (const covey_event_t *self,
                                         covey_buf_t *to);
covey_err_t covey_event_parse_json (const char *json, size_t size,
                                    covey_event_t **event_p,
                                    covey_errbuf_t *err);

/*  A random valid event of `type` for property tests and benchmarks: every
    field of the schema has a chance to be there, bounded by `effort` (1..100:
    how long lists and texts get).                                            */
covey_event_t *covey_event_random (int type, covey_prng_t *prng, int effort);

/*  Requests and responses, which the rooms speak too. A request without target
    (NULL) is for one of a group.                                             */
covey_event_t *covey_event_request (const char *source, const char *target,
                                    const char *request_id, const char *method,
                                    const char *params_json,
                                    int64_t timeout_ms);
/*  Answers carry the request's id, correlation id and, as causation id, the
    request's event id. `data` as covey_event_set_payload.                    */
covey_event_t *covey_event_response (const covey_event_t *request,
                                     const char *source,
                                     covey_content_t content, const void *data,
                                     size_t size);
covey_event_t *covey_event_error (const covey_event_t *request,
                                  const char *source, const char *code,
                                  const char *message);

#endif
