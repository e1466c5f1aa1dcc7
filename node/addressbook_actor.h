/*  addressbook_actor - the file behind an address book

    Role      shell: reads it at a start; a thread of its own writes it, so that
              no disk holds up the node
    Writing   a new file, synced, takes the place of the old one: a crash leaves
              the one or the other
*/
#ifndef COVEY_ADDRESSBOOK_ACTOR_H_INCLUDED
#define COVEY_ADDRESSBOOK_ACTOR_H_INCLUDED

#include "base/log.h"
#include "node/addressbook.h"

/*  NOTFOUND: there is none; IO; CORRUPT: not to be used, `err` says why.     */
covey_err_t covey_addressbook_load (const char *path, covey_addressbook_t *book,
                                    covey_errbuf_t *err);

typedef struct covey_addressbook_actor covey_addressbook_actor_t;

/*  NULL: no thread.                                                          */
covey_addressbook_actor_t *covey_addressbook_actor_new (const char *path,
                                                        covey_log_t *log);
/*  What was given to save is saved.                                          */
void covey_addressbook_actor_destroy (covey_addressbook_actor_t **self_p);
/*  A write that fails is logged.                                             */
void covey_addressbook_actor_save (covey_addressbook_actor_t *self,
                                   const covey_buf_t *text);

#endif
