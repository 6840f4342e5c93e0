// A TLS socket for rabbitmq-c: certificates, the host's name, versions.
// Not for connecting (see link.h).
#ifndef TALLY_AMQP_TLS_H
#define TALLY_AMQP_TLS_H

#include <amqp.h>

#include <string>

namespace tally::amqp {

struct TlsOptions;

// `host`: the name or address that the certificate must be for. Throws tally::Error where a file cannot be used:
// transient, where it is not there or may not be read. The connection owns the socket.
amqp_socket_t* make_tls_socket(amqp_connection_state_t connection, const std::string& host, const TlsOptions& tls);

// ": why", what this thread's TLS said last; empty: nothing.
std::string tls_reason();

}  // namespace tally::amqp

#endif
