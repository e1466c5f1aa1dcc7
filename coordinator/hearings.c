#include "coordinator/hearings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PREFIX 14 /* what all copies of a question have in common */

struct covey_question {
    covey_link_t link;
    uint8_t prefix[PREFIX];
    char *consensus_id; /* NULL: a free place                                 */
};

static int
s_compare (const void *a, const void *b)
{
    return memcmp (((const covey_question_t *)a)->prefix,
                   ((const covey_question_t *)b)->prefix, PREFIX);
}

static int
s_key_id (const void *key, const void *item)
{
    return memcmp (key, ((const covey_question_t *)item)->prefix, PREFIX);
}

void
covey_hearings_init (covey_hearings_t *self)
{
    memset (self, 0, sizeof *self);
    self->questions =
        covey_mem_new (COVEY_HEARINGS_QUESTIONS * sizeof *self->questions);
    covey_tree_init (&self->by_id, offsetof (covey_question_t, link),
                     s_compare);
}

void
covey_hearings_deinit (covey_hearings_t *self)
{
    for (size_t i = 0; i < COVEY_HEARINGS_QUESTIONS; i++)
        free (self->questions[i].consensus_id);
    covey_hearings_drop (self, self->count);
    free (self->waiting);
    free (self->questions);
}

void
covey_hearings_ask (covey_hearings_t *self, const uint8_t event_id[16],
                    const char *consensus_id)
{
    if (covey_tree_find (&self->by_id, event_id, s_key_id))
        return; /* it is told again */
    covey_question_t *question = &self->questions[self->next_question];
    self->next_question = (self->next_question + 1) % COVEY_HEARINGS_QUESTIONS;
    if (question->consensus_id)
        covey_tree_remove (&self->by_id, question);
    free (question->consensus_id);
    question->consensus_id = covey_str_dup (consensus_id);
    memcpy (question->prefix, event_id, PREFIX);
    covey_tree_insert (&self->by_id, question);
}

const char *
covey_hearings_vote (const covey_hearings_t *self, const uint8_t event_id[16])
{
    const covey_question_t *question =
        covey_tree_find (&self->by_id, event_id, s_key_id);
    return question ? question->consensus_id : NULL;
}

void
covey_hearings_add (covey_hearings_t *self, const char *consensus_id,
                    const char *agent_id)
{
    if (self->count == COVEY_HEARINGS_MAX) {
        self->dropped++;
        return;
    }
    self->waiting = covey_mem_room (self->waiting, self->count, &self->capacity,
                                    sizeof *self->waiting);
    self->waiting[self->count++] = (covey_hearing_t){
        covey_str_dup (consensus_id), covey_str_dup (agent_id)};
}

void
covey_hearings_drop (covey_hearings_t *self, size_t count)
{
    assert (count <= self->count);
    for (size_t i = 0; i < count; i++) {
        free (self->waiting[i].consensus_id);
        free (self->waiting[i].agent_id);
    }
    self->count -= count;
    if (self->count)
        memmove (self->waiting, self->waiting + count,
                 self->count * sizeof *self->waiting);
}
