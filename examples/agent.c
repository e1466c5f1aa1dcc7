/*  agent - the shortest agent: it answers requests until it is asked to end

        covey up --data /tmp/node &
        agent ipc:///tmp/node/agents.sock
        covey request echo shout '{"text":"hello"}'

    Without an endpoint it brings its own node and asks itself once.         */

#include <covey.h>
#include <stdio.h>

static covey_err_t
on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    (void)arg;
    size_t size = 0;
    const char *params = covey_event_payload (request, "params", NULL, &size);
    printf ("%s asks: %s %s\n", covey_event_source (request),
            covey_event_str (request, "method"), params ? params : "");
    return covey_agent_respond (agent, request, COVEY_CONTENT_JSON,
                                params ? params : "null", params ? size : 4);
}

int
main (int argc, char **argv)
{
    covey_node_t *node = NULL;
    covey_agent_t *echo = covey_agent_new ("echo", "worker");
    covey_agent_on_request (echo, on_request, NULL);
    covey_err_t rc;
    if (argc > 1)
        rc = covey_agent_connect (echo, argv[1], 5000);
    else {
        node = covey_node_new ("alpha");
        rc = covey_node_set (node, "listen", "127.0.0.1:0");
        if (rc == COVEY_OK)
            rc = covey_node_start (node, 5000);
        if (rc == COVEY_OK)
            rc = covey_agent_attach (echo, node, 5000);
    }
    if (rc == COVEY_OK)
        rc = covey_agent_start (echo);
    if (rc == COVEY_OK && argc > 1)
        getchar (); /* until a line or the end of the input                  */
    else if (rc == COVEY_OK) {
        char *answer;
        rc = covey_agent_request (echo, "echo", "shout", "{\"text\":\"hello\"}",
                                  5000, &answer);
        if (rc == COVEY_OK) {
            printf ("answer: %s\n", answer);
            covey_free (answer);
        }
    }
    if (rc)
        fprintf (stderr, "%s\n", covey_error ());
    covey_agent_destroy (&echo);
    covey_node_destroy (&node);
    return rc ? 1 : 0;
}
