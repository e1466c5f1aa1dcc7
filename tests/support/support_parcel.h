/*  support_parcel - packed events for the tests of cores                     */
#ifndef SUPPORT_PARCEL_H_INCLUDED
#define SUPPORT_PARCEL_H_INCLUDED

#include "node/parcel.h"

/*  A parcel of the event, which is destroyed.                               */
covey_parcel_t *support_parcel (covey_event_t *event);
/*  message:sent from `source`; `target` may be NULL.                        */
covey_parcel_t *support_parcel_message (const char *source, const char *target);
/*  Bytes that nobody looks into.                                            */
covey_parcel_t *support_parcel_raw (const char *text);

#endif
