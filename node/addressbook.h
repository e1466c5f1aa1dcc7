/*  addressbook - where a node met others, for its next start

    Role      pure: a list of addresses, the last met first, and its text
    Limits    COVEY_ADDRESSBOOK_MAX addresses; the ones met longest ago are
              forgotten
    Text      "mesh NAME", "roles LIST" (of the last start; may be empty), an
              address a line, "end"; lines that begin with # are skipped
*/
#ifndef COVEY_ADDRESSBOOK_H_INCLUDED
#define COVEY_ADDRESSBOOK_H_INCLUDED

#include "base/buf.h"

#define COVEY_ADDRESSBOOK_MAX 48
#define COVEY_ADDRESSBOOK_ADDRESS_MAX 300
#define COVEY_ADDRESSBOOK_BYTES_MAX 32768

typedef struct {
    char mesh[COVEY_NAME_MAX + 1];
    char roles[COVEY_NAME_MAX + 1]; /* separated by commas                   */
    size_t count;
    char addresses[COVEY_ADDRESSBOOK_MAX][COVEY_ADDRESSBOOK_ADDRESS_MAX + 1];
} covey_addressbook_t;

void covey_addressbook_init (covey_addressbook_t *self, const char *mesh,
                             const char *roles);
/*  HOST:PORT behind those that are there; one that is there, or does not fit,
    changes nothing.                                                          */
void covey_addressbook_add (covey_addressbook_t *self, const char *address);
void covey_addressbook_write (const covey_addressbook_t *self, covey_buf_t *to);
/*  CORRUPT: the first line that is wrong is named; nothing is to be used then.
 */
covey_err_t covey_addressbook_read (covey_addressbook_t *self, const char *text,
                                    size_t size, covey_errbuf_t *err);

#endif
