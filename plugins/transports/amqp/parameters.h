// What may stand after the question mark of a bus's URL: the options of oslo.messaging's RabbitMQ driver.
// Not for the rest of the URL (see url.h). The manifest lists the names for those who check a configuration.
#ifndef TALLY_AMQP_PARAMETERS_H
#define TALLY_AMQP_PARAMETERS_H

#include <string>
#include <string_view>

#include "url.h"

namespace tally::amqp {

// "NAME=VALUE&NAME=VALUE", percent-encoded. Throws tally::Error, permanent, with the way out.
Parameters parse_parameters(std::string_view query);

// Percent-encoded text as it is meant. Throws tally::Error, permanent, that says `what` it is, and nothing of the text.
std::string decoded(std::string_view text, const std::string& what);

}  // namespace tally::amqp

#endif
