#include "swarm/digest.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DOMAIN_TAG "covey.proposal.1"

/*  Every part goes in behind its length, 8 bytes with the highest first, so
    that no two lists of parts come out alike.                                */
static void
s_put (crypto_hash_sha256_state *state, const void *data, size_t size)
{
    uint8_t length[8];
    uint64_t rest = size;
    for (int i = 7; i >= 0; i--, rest >>= 8)
        length[i] = (uint8_t)rest;
    crypto_hash_sha256_update (state, length, sizeof length);
    if (size)
        crypto_hash_sha256_update (state, data, size);
}

static void
s_put_text (crypto_hash_sha256_state *state, const char *text)
{
    s_put (state, text, strlen (text));
}

static void
s_put_number (crypto_hash_sha256_state *state, uint64_t number)
{
    char text[24];
    snprintf (text, sizeof text, "%llu", (unsigned long long)number);
    s_put_text (state, text);
}

static void
s_put_rule (crypto_hash_sha256_state *state, const covey_rule_t *rule)
{
    char text[COVEY_FRACTION_TEXT];
    s_put_text (state, covey_strategy_name (rule->strategy));
    covey_threshold_text (rule->threshold, text);
    s_put_text (state, text);
    s_put_number (state, rule->quorum_size);
    covey_fraction_text (rule->quorum_share, text);
    s_put_text (state, text);
    s_put_text (state, covey_part_name (rule->abstentions));
    s_put_text (state, covey_part_name (rule->silence));
    s_put_text (state, covey_tie_name (rule->tie));
    s_put_text (state, rule->final ? "final" : "changeable");
    s_put_text (state, rule->ranked ? "ranked" : "plain");
    s_put_number (state, rule->option_count);
    for (uint32_t i = 0; i < rule->option_count; i++)
        s_put_text (state, rule->options[i]);
}

void
covey_proposal_digest (const covey_proposal_args_t *args,
                       char hash[COVEY_HASH_TEXT])
{
    crypto_hash_sha256_state state;
    uint8_t bytes[COVEY_HASH_SIZE];
    crypto_hash_sha256_init (&state);
    s_put_text (&state, DOMAIN_TAG);
    s_put_text (&state, args->id);
    s_put_text (&state, args->swarm_id);
    s_put_number (&state, (uint64_t)args->content);
    s_put (&state, args->data, args->size);
    s_put_rule (&state, &args->rule);
    for (size_t i = 0; i < args->voter_count; i++)
        if (args->voters[i].veto)
            s_put_text (&state, args->voters[i].agent_id);
    crypto_hash_sha256_final (&state, bytes);
    sodium_bin2hex (hash, COVEY_HASH_TEXT, bytes, sizeof bytes);
}
