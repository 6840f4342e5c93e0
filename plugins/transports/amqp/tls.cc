#include "tls.h"

#include <amqp_ssl_socket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>

#include <tally/kit/descriptor.h>
#include <tally/sdk/error.h>

#include "link.h"

namespace tally::amqp {
namespace {

// rabbitmq-c's own check knows no addresses in a certificate: OpenSSL's is set instead.
void require_name(SSL_CTX* context, const std::string& host) {
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return;
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) != 1) {
    throw Error::permanent("\"" + host + "\" can be in no certificate");
  }
}

void require_version(SSL_CTX* context, const std::string& version) {
  const int only = version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context, only);
  SSL_CTX_set_max_proto_version(context, only);
}

void require_readable(const TlsFile& file) {
  if (file.path.empty() || ::access(file.path.c_str(), R_OK) == 0) return;
  throw Error::transient(file.said + ": " + file.path + ": " + system_error_text(errno) +
                         "; put a readable file in PEM form there");
}

}  // namespace

std::string tls_reason() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return {};
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return std::string(": ") + text.data();
}

amqp_socket_t* make_tls_socket(amqp_connection_state_t connection, const std::string& host, const TlsOptions& tls) {
  for (const TlsFile* file : {&tls.ca, &tls.cert, &tls.key}) require_readable(*file);
  ERR_clear_error();
  amqp_socket_t* socket = amqp_ssl_socket_new(connection);
  if (socket == nullptr) return nullptr;
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
  if (!tls.version.empty()) require_version(context, tls.version);
  amqp_ssl_socket_set_verify_peer(socket, tls.verify ? 1 : 0);
  amqp_ssl_socket_set_verify_hostname(socket, 0);
  if (tls.verify && tls.verify_name) require_name(context, host);
  if (tls.ca.path.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (amqp_ssl_socket_set_cacert(socket, tls.ca.path.c_str()) != AMQP_STATUS_OK) {
    throw Error::permanent(tls.ca.said + ": " + tls.ca.path + " cannot be read as certificates in PEM form" +
                           tls_reason());
  }
  if (!tls.cert.path.empty()) {
    const std::string& key = tls.key.path.empty() ? tls.cert.path : tls.key.path;
    if (amqp_ssl_socket_set_key(socket, tls.cert.path.c_str(), key.c_str()) != AMQP_STATUS_OK) {
      throw Error::permanent(tls.cert.said + ", " + tls.key.said + ": " + tls.cert.path + " and " + key +
                             " are not a certificate and its key in PEM form, or may not be read" + tls_reason());
    }
  }
  return socket;
}

}  // namespace tally::amqp
