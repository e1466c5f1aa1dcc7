/*  own_loop - an agent in a loop of the program's own: poll one descriptor,
    dispatch when it is readable. Here the loop also sends itself messages.   */

#include <covey.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static covey_err_t
on_message (covey_agent_t *agent, const covey_event_t *message, void *arg)
{
    (void)agent;
    int *received = arg;
    const char *text = covey_event_payload (message, "content", NULL, NULL);
    printf ("%d: %s\n", ++*received, text);
    return COVEY_OK;
}

static covey_err_t
run (covey_agent_t *agent, const int *received)
{
    covey_err_t rc = COVEY_OK;
    for (int sent = 0; rc == COVEY_OK && *received < 3;) {
        if (sent < 3) {
            char text[32];
            snprintf (text, sizeof text, "message %d", ++sent);
            rc = covey_agent_send (agent, "looper", COVEY_CONTENT_TEXT, text,
                                   strlen (text), 1000);
        }
        struct pollfd fds[] = {
            {.fd = covey_agent_fd (agent), .events = POLLIN}};
        if (rc == COVEY_OK && poll (fds, 1, 1000) > 0)
            rc = covey_agent_dispatch (agent);
    }
    return rc;
}

int
main (void)
{
    int received = 0;
    covey_node_t *node = covey_node_new ("alpha");
    covey_agent_t *agent = covey_agent_new ("looper", "worker");
    covey_agent_on_message (agent, on_message, &received);
    covey_err_t rc = covey_node_set (node, "listen", "127.0.0.1:0");
    if (rc == COVEY_OK)
        rc = covey_node_start (node, 5000);
    if (rc == COVEY_OK)
        rc = covey_agent_attach (agent, node, 5000);
    if (rc == COVEY_OK)
        rc = run (agent, &received);
    if (rc)
        fprintf (stderr, "%s\n", covey_error ());
    covey_agent_destroy (&agent);
    covey_node_destroy (&node);
    return rc ? 1 : 0;
}
