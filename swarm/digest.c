#include "swarm/digest.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "proto/json_scan.h"

#define DOMAIN_TAG "covey.proposal.1"

void
covey_digest_init (covey_digest_t *self)
{
    crypto_hash_sha256_init (&self->state);
}

void
covey_digest_put (covey_digest_t *self, const void *data, size_t size)
{
    uint8_t length[8];
    uint64_t rest = size;
    for (int i = 7; i >= 0; i--, rest >>= 8)
        length[i] = (uint8_t)rest;
    crypto_hash_sha256_update (&self->state, length, sizeof length);
    if (size)
        crypto_hash_sha256_update (&self->state, data, size);
}

void
covey_digest_put_text (covey_digest_t *self, const char *text)
{
    covey_digest_put (self, text, strlen (text));
}

void
covey_digest_put_number (covey_digest_t *self, uint64_t number)
{
    char text[24];
    snprintf (text, sizeof text, "%llu", (unsigned long long)number);
    covey_digest_put_text (self, text);
}

void
covey_digest_end (covey_digest_t *self, uint8_t bytes[COVEY_HASH_SIZE])
{
    crypto_hash_sha256_final (&self->state, bytes);
}

static void
s_text (const uint8_t bytes[COVEY_HASH_SIZE], char hash[COVEY_HASH_TEXT])
{
    sodium_bin2hex (hash, COVEY_HASH_TEXT, bytes, COVEY_HASH_SIZE);
}

void
covey_digest_of (const void *data, size_t size, char hash[COVEY_HASH_TEXT])
{
    uint8_t bytes[COVEY_HASH_SIZE];
    crypto_hash_sha256 (bytes, data, size);
    s_text (bytes, hash);
}

static void
s_put_rule (covey_digest_t *digest, const covey_rule_t *rule)
{
    char text[COVEY_FRACTION_TEXT];
    covey_digest_put_text (digest, covey_strategy_name (rule->strategy));
    covey_threshold_text (rule->threshold, text);
    covey_digest_put_text (digest, text);
    covey_digest_put_number (digest, rule->quorum_size);
    covey_fraction_text (rule->quorum_share, text);
    covey_digest_put_text (digest, text);
    covey_digest_put_text (digest, covey_part_name (rule->abstentions));
    covey_digest_put_text (digest, covey_part_name (rule->silence));
    covey_digest_put_text (digest, covey_tie_name (rule->tie));
    covey_digest_put_text (digest, rule->final ? "final" : "changeable");
    covey_digest_put_text (digest, rule->ranked ? "ranked" : "plain");
    covey_digest_put_number (digest, rule->option_count);
    for (uint32_t i = 0; i < rule->option_count; i++)
        covey_digest_put_text (digest, rule->options[i]);
}

static void
s_put_electorate (covey_digest_t *digest, const covey_proposal_args_t *args)
{
    covey_digest_put_number (digest, args->swarm_version);
    covey_digest_put_number (digest, args->voter_count);
    for (size_t i = 0; i < args->voter_count; i++) {
        covey_digest_put_text (digest, args->voters[i].agent_id);
        covey_digest_put_number (digest, args->voters[i].weight);
        covey_digest_put_text (digest, args->voters[i].veto ? "veto" : "");
        covey_digest_put_text (digest, args->voters[i].leads ? "leads" : "");
    }
}

/*  JSON travels without white space between its tokens.                     */
static void
s_put_content (covey_digest_t *digest, const covey_proposal_args_t *args)
{
    covey_buf_t json;
    covey_buf_init (&json, args->size + 1);
    if (args->content == COVEY_CONTENT_JSON)
        covey_json_squeeze (args->data, args->size, &json);
    else
        (void)covey_buf_append (&json, args->data, args->size);
    covey_digest_put_number (digest, (uint64_t)args->content);
    covey_digest_put (digest, json.data, json.size);
    covey_buf_deinit (&json);
}

void
covey_proposal_digest (const covey_proposal_args_t *args,
                       char hash[COVEY_HASH_TEXT])
{
    covey_digest_t digest;
    uint8_t bytes[COVEY_HASH_SIZE];
    covey_digest_init (&digest);
    covey_digest_put_text (&digest, DOMAIN_TAG);
    covey_digest_put_text (&digest, args->id);
    covey_digest_put_text (&digest, args->swarm_id);
    s_put_content (&digest, args);
    s_put_rule (&digest, &args->rule);
    covey_digest_put_number (&digest, (uint64_t)args->deadline_us);
    s_put_electorate (&digest, args);
    covey_digest_end (&digest, bytes);
    s_text (bytes, hash);
}
