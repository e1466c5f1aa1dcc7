/*  Saved: what clients were answered.                                        */
#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_client_t *client, covey_saver_t *to)
{
    Covey__Snapshot__Client message = COVEY__SNAPSHOT__CLIENT__INIT;
    Covey__Snapshot__Answer *answers =
        covey_mem_new (client->count * sizeof *answers);
    Covey__Snapshot__Answer **list =
        covey_mem_new (client->count * sizeof *list);
    for (size_t i = 0; i < client->count; i++) {
        const covey_verdict_t *verdict =
            &client->verdicts[(client->oldest + i) % client->count];
        covey__snapshot__answer__init (&answers[i]);
        answers[i].request_id = verdict->request_id;
        answers[i].code = verdict->answer.code;
        answers[i].show = verdict->answer.show;
        answers[i].id = verdict->answer.id;
        answers[i].text = verdict->answer.text;
        list[i] = &answers[i];
    }
    message.id = client->id;
    message.used = client->used_us;
    message.floor = (ProtobufCBinaryData){sizeof client->floor.bytes,
                                          (uint8_t *)client->floor.bytes};
    message.n_answers = client->count;
    message.answers = list;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_CLIENT;
    record.client = &message;
    covey_saver_put (to, &record);
    free (list);
    free (answers);
}

void
covey_state_save_clients (const covey_state_t *self, covey_saver_t *to)
{
    const covey_tree_t *clients = &self->clients.clients;
    for (const covey_client_t *c = covey_tree_first (clients); c;
         c = covey_tree_next (clients, c))
        s_put (c, to);
}

covey_err_t
covey_state_load_client (covey_state_t *self,
                         const Covey__Snapshot__Record *record,
                         covey_errbuf_t *err)
{
    const Covey__Snapshot__Client *from = record->client;
    bool good = covey_save_is_time (from->used) && from->n_answers &&
                from->n_answers <= COVEY_CLIENT_WINDOW && from->floor.len == 16;
    for (size_t i = 0; i < from->n_answers && good; i++) {
        const Covey__Snapshot__Answer *answer = from->answers[i];
        const covey_answer_t kept = {.code = (covey_err_t)answer->code,
                                     .show = (covey_show_t)answer->show,
                                     .id = answer->id,
                                     .text = answer->text};
        covey_clients_keep (&self->clients, from->id, answer->request_id, &kept,
                            from->used);
    }
    if (good)
        covey_clients_set_floor (&self->clients, from->id, from->floor.data);
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: client %s", from->id);
}
