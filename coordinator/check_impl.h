/*  check_impl - the bounds that checks are made of; for check*.c only

    Each returns at once when one before it failed, so that a list of checks
    reads like the list of bounds that it is.                                 */
#ifndef COVEY_CHECK_IMPL_H_INCLUDED
#define COVEY_CHECK_IMPL_H_INCLUDED

#include "coordinator/check.h"

/*  9999-12-31: the last day that RFC 3339 can write.                        */
#define COVEY_CHECK_INSTANT_MAX_US 253402300799999999

typedef struct {
    covey_err_t code;
    covey_errbuf_t *err;
} covey_check_t;

/*  Absent (NULL) passes.                                                    */
void covey_check_text (covey_check_t *c, const char *field, const char *value,
                       size_t max);
/*  A name: not empty, COVEY_NAME_MAX.                                       */
void covey_check_name (covey_check_t *c, const char *field, const char *value);
void covey_check_names (covey_check_t *c, const char *field, char *const *items,
                        size_t count);
void covey_check_agent (covey_check_t *c, const char *field, const char *value);
void covey_check_payload (covey_check_t *c, const char *field,
                          const Covey__V1__Payload *value);
void covey_check_range (covey_check_t *c, const char *field, int64_t value,
                        int64_t min, int64_t max);
void covey_check_real (covey_check_t *c, const char *field, double value,
                       double min, double max);

#endif
