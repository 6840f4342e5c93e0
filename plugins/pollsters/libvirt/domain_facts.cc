// Walks a domain's XML with libxml2, and writes the metadata that comes of it.
// Not for fetching the XML: hypervisor.h.
#include "domain_facts.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <tally/sdk/files.h>
#include <tally/sdk/json.h>

#include <algorithm>
#include <memory>

namespace tally::libvirt {
namespace {

constexpr std::string_view kNova = "http://openstack.org/xmlns/libvirt/nova/";  // then its version

struct FreeXml {
  void operator()(xmlDoc* document) const { xmlFreeDoc(document); }
  void operator()(xmlChar* text) const { xmlFree(text); }
};

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

// The first child element of this name; null where there is none, or no parent.
xmlNode* child(const xmlNode* parent, std::string_view name) {
  if (parent == nullptr) return nullptr;
  for (xmlNode* node = parent->children; node != nullptr; node = node->next) {
    if (node->type == XML_ELEMENT_NODE && view(node->name) == name) return node;
  }
  return nullptr;
}

// Empty texts count as none.
std::optional<std::string> filled(const xmlChar* given) {
  const std::unique_ptr<xmlChar, FreeXml> owned(const_cast<xmlChar*>(given));
  std::string text = trimmed(view(owned.get()));
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

std::optional<std::string> text_of(const xmlNode* node) {
  return node == nullptr ? std::nullopt : filled(xmlNodeGetContent(node));
}

std::optional<std::string> attribute(const xmlNode* node, const char* name) {
  if (node == nullptr) return std::nullopt;
  return filled(xmlGetNoNsProp(node, reinterpret_cast<const xmlChar*>(name)));
}

std::optional<std::int64_t> number_of(const xmlNode* node) {
  const std::optional<std::string> text = text_of(node);
  return text ? to_number<std::int64_t>(*text) : std::nullopt;
}

void read_nova(const xmlNode* instance, DomainFacts& facts) {
  facts.display_name = text_of(child(instance, "name"));
  if (const xmlNode* given = child(instance, "flavor")) {
    facts.flavor = Flavor{attribute(given, "name").value_or(""), attribute(given, "id"),
                          number_of(child(given, "vcpus")),      number_of(child(given, "memory")),
                          number_of(child(given, "disk")),       number_of(child(given, "ephemeral")),
                          number_of(child(given, "swap"))};
  }
  const xmlNode* owner = child(instance, "owner");
  facts.project_id = attribute(child(owner, "project"), "uuid");
  facts.project_name = text_of(child(owner, "project"));
  facts.user_id = attribute(child(owner, "user"), "uuid");
  facts.user_name = text_of(child(owner, "user"));
  const xmlNode* root = child(instance, "root");
  if (attribute(root, "type") == "image") facts.image = attribute(root, "uuid");
}

Interface read_interface(const xmlNode* node) {
  Interface interface {
    attribute(child(node, "target"), "dev").value_or(""), attribute(child(node, "mac"), "address").value_or(""),
        attribute(child(node, "filterref"), "filter").value_or(""), {}
  };
  const xmlNode* filter = child(node, "filterref");
  for (xmlNode* at = filter == nullptr ? nullptr : filter->children; at != nullptr; at = at->next) {
    if (at->type != XML_ELEMENT_NODE || view(at->name) != "parameter") continue;
    std::string name = attribute(at, "name").value_or("");
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    interface.parameters.emplace_back(std::move(name), attribute(at, "value").value_or(""));
  }
  return interface;
}

// Members that nobody knows stay out.
template <class Value>
void set_known(JsonObject& object, std::string_view key, const std::optional<Value>& value) {
  if (value) object.set(key, *value);
}

void set_flavor(JsonObject& object, const Flavor& flavor) {
  object.set("instance_type", flavor.name);
  JsonObject nested;
  set_known(nested, "id", flavor.id);
  nested.set("name", flavor.name);
  set_known(nested, "vcpus", flavor.vcpus);
  set_known(nested, "ram", flavor.memory);
  set_known(nested, "disk", flavor.disk);
  set_known(nested, "ephemeral", flavor.ephemeral);
  set_known(nested, "swap", flavor.swap);
  object.set("flavor", nested);
  set_known(object, "vcpus", flavor.vcpus);
  set_known(object, "memory_mb", flavor.memory);
  if (flavor.disk && flavor.ephemeral) object.set("disk_gb", *flavor.disk + *flavor.ephemeral);
  set_known(object, "root_gb", flavor.disk);
  set_known(object, "ephemeral_gb", flavor.ephemeral);
}

}  // namespace

const Interface* DomainFacts::interface(std::string_view device) const {
  const auto found = std::find_if(interfaces.begin(), interfaces.end(),
                                  [&](const Interface& interface) { return interface.device == device; });
  return found == interfaces.end() ? nullptr : &*found;
}

bool read_domain_xml(std::string_view xml, DomainFacts& facts) {
  constexpr int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
  const std::unique_ptr<xmlDoc, FreeXml> document(
      xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "domain.xml", nullptr, options));
  const xmlNode* domain = document ? xmlDocGetRootElement(document.get()) : nullptr;
  if (domain == nullptr || view(domain->name) != "domain") return false;

  const xmlNode* metadata = child(domain, "metadata");
  for (xmlNode* node = metadata == nullptr ? nullptr : metadata->children; node != nullptr; node = node->next) {
    if (node->type != XML_ELEMENT_NODE || node->ns == nullptr || !view(node->ns->href).starts_with(kNova)) continue;
    if (view(node->name) == "instance") read_nova(node, facts);
  }
  const xmlNode* type = child(child(domain, "os"), "type");
  facts.os_type = text_of(type).value_or("");
  facts.architecture = attribute(type, "arch").value_or("");
  const xmlNode* devices = child(domain, "devices");
  for (xmlNode* node = devices == nullptr ? nullptr : devices->children; node != nullptr; node = node->next) {
    if (node->type == XML_ELEMENT_NODE && view(node->name) == "interface") {
      facts.interfaces.push_back(read_interface(node));
    }
  }
  return true;
}

std::string common_metadata(const DomainFacts& facts, std::string_view host) {
  JsonObject object;
  object.set("display_name", facts.display_name.value_or(facts.name));
  object.set("name", facts.name).set("instance_id", facts.uuid).set("instance_host", host);
  if (facts.flavor) set_flavor(object, *facts.flavor);
  if (facts.image) object.set("image", JsonObject().set("id", *facts.image)).set("image_ref", *facts.image);
  if (!facts.os_type.empty()) object.set("os_type", facts.os_type);
  if (!facts.architecture.empty()) object.set("architecture", facts.architecture);
  if (facts.id >= 0) object.set("domain_id", facts.id);
  set_known(object, "started_at", facts.started_at);
  return object.str();
}

}  // namespace tally::libvirt
