// Walks a domain's XML with libxml2, and writes the metadata that comes of it.
// Not for fetching the XML: hypervisor.h.
#include "domain_facts.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <tally/kit/files.h>
#include <tally/kit/json.h>
#include <tally/kit/text.h>

#include <algorithm>
#include <array>
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

// A whole number.
std::optional<Decimal> number_of(const xmlNode* node) {
  const std::optional<std::string> text = text_of(node);
  const std::optional<Decimal> number = text ? Decimal::parse(*text) : std::nullopt;
  return number && !number->negative() && number->exponent() >= 0 ? number : std::nullopt;
}

// The value takes the place of one of the same name.
void set_pair(Pairs& pairs, std::string name, std::optional<std::string> value) {
  const auto known = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
  if (known != pairs.end()) {
    known->second = std::move(value);
  } else if (!name.empty()) {
    pairs.emplace_back(std::move(name), std::move(value));
  }
}

// Calls `use` with each child element of this name.
template <class Use>
void each_child(const xmlNode* parent, std::string_view name, Use use) {
  for (const xmlNode* at = parent == nullptr ? nullptr : parent->children; at != nullptr; at = at->next)
    if (at->type == XML_ELEMENT_NODE && view(at->name) == name) use(at);
}

// The texts of <NAME name="…">…</NAME>.
void read_named(const xmlNode* parent, std::string_view name, Pairs& pairs) {
  each_child(parent, name,
             [&](const xmlNode* at) { set_pair(pairs, attribute(at, "name").value_or(""), text_of(at)); });
}

void read_image(const xmlNode* image, Pairs& meta) {
  static constexpr std::array<std::pair<const char*, const char*>, 4> kKeys = {{{"containerFormat", "container_format"},
                                                                                {"diskFormat", "disk_format"},
                                                                                {"minDisk", "min_disk"},
                                                                                {"minRam", "min_ram"}}};
  if (const auto id = attribute(image, "uuid")) set_pair(meta, "base_image_ref", id);
  for (const auto& [element, key] : kKeys)
    if (const xmlNode* found = child(image, element)) set_pair(meta, key, text_of(found));
  read_named(child(image, "properties"), "property", meta);
}

void read_nova(const xmlNode* instance, DomainFacts& facts) {
  facts.display_name = text_of(child(instance, "name"));
  if (const xmlNode* given = child(instance, "flavor")) {
    facts.flavor = Flavor{attribute(given, "name").value_or(""), attribute(given, "id"),
                          number_of(child(given, "vcpus")),      number_of(child(given, "memory")),
                          number_of(child(given, "disk")),       number_of(child(given, "ephemeral")),
                          number_of(child(given, "swap")),       {}};
    if (const xmlNode* specs = child(given, "extraSpecs")) {
      facts.flavor->extra_specs.emplace();
      read_named(specs, "extraSpec", *facts.flavor->extra_specs);
    }
  }
  read_image(child(instance, "image"), facts.image_meta);
  const xmlNode* owner = child(instance, "owner");
  facts.project_id = attribute(child(owner, "project"), "uuid");
  facts.project_name = text_of(child(owner, "project"));
  facts.user_id = attribute(child(owner, "user"), "uuid");
  facts.user_name = text_of(child(owner, "user"));
  const xmlNode* root = child(instance, "root");
  if (attribute(root, "type") == "image") facts.image = attribute(root, "uuid");
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

Interface read_interface(const xmlNode* node) {
  const xmlNode* filter = child(node, "filterref");
  const xmlNode* port = child(child(node, "virtualport"), "parameters");
  Interface made;
  made.device = attribute(child(node, "target"), "dev").value_or("");
  made.mac = attribute(child(node, "mac"), "address").value_or("");
  made.filter = attribute(filter, "filter").value_or("");
  made.port = attribute(port, "interfaceid").value_or("");
  each_child(filter, "parameter", [&](const xmlNode* at) {
    set_pair(made.parameters, lower_case(attribute(at, "name").value_or("")), attribute(at, "value").value_or(""));
  });
  if (!made.port.empty()) set_pair(made.parameters, "interfaceid", made.port);
  if (const auto bridge = attribute(child(node, "source"), "bridge")) set_pair(made.parameters, "bridge", bridge);
  return made;
}

// A <source> may be there for its number alone.
bool has_medium(const xmlNode* source) {
  if (source == nullptr) return false;
  for (const xmlAttr* at = source->properties; at != nullptr; at = at->next)
    if (view(at->name) != "index" && view(at->name) != "startupPolicy") return true;
  return xmlFirstElementChild(const_cast<xmlNode*>(source)) != nullptr;
}

Disk read_disk(const xmlNode* node) {
  const std::string format = attribute(child(node, "driver"), "type").value_or("raw");
  return {attribute(child(node, "target"), "dev").value_or(""), has_medium(child(node, "source")), format != "raw"};
}

// Letters and digits alone, in lower case: "fa163e000001" of "fa:16:3e:00:00:01".
std::string squeezed(const std::string& text) {
  std::string out = lower_case(text);
  std::erase_if(out, [](char c) { return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')); });
  return out;
}

bool carries(const std::string& name, const std::string& id) {
  return !id.empty() && squeezed(name).find(squeezed(id)) != std::string::npos;
}

// Whether the filter's name is that of this interface alone: it has its address or port in it; or, where no other
// interface of the domain has the same filter, the domain's uuid, or it is nova's for an instance.
bool has_own_filter(const DomainFacts& facts, const Interface& of) {
  if (of.filter.empty()) return false;
  if (carries(of.filter, of.mac) || carries(of.filter, of.port)) return true;
  const auto others = std::count_if(facts.interfaces.begin(), facts.interfaces.end(),
                                    [&](const Interface& one) { return one.filter == of.filter; });
  return others == 1 && (of.filter.starts_with("nova-instance-") || carries(of.filter, facts.uuid));
}

// Members that nobody knows stay out.
template <class Value>
void set_known(JsonObject& object, std::string_view key, const std::optional<Value>& value) {
  if (value) object.set(key, *value);
}

JsonObject object_of(const Pairs& pairs) {
  JsonObject object;
  for (const auto& [name, value] : pairs) object.set(name, value);
  return object;
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
  if (flavor.extra_specs) nested.set("extra_specs", object_of(*flavor.extra_specs));
  object.set("flavor", nested);
  set_known(object, "vcpus", flavor.vcpus);
  set_known(object, "memory_mb", flavor.memory);
  const auto both = flavor.disk && flavor.ephemeral ? Decimal::add(*flavor.disk, *flavor.ephemeral) : std::nullopt;
  set_known(object, "disk_gb", both);
  set_known(object, "root_gb", flavor.disk);
  set_known(object, "ephemeral_gb", flavor.ephemeral);
}

}  // namespace

const Interface* DomainFacts::interface(std::string_view device) const {
  const auto found = std::find_if(interfaces.begin(), interfaces.end(),
                                  [&](const Interface& interface) { return interface.device == device; });
  return found == interfaces.end() ? nullptr : &*found;
}

const Disk* DomainFacts::disk(std::string_view device) const {
  const auto found = std::find_if(disks.begin(), disks.end(), [&](const Disk& disk) { return disk.device == device; });
  return found == disks.end() ? nullptr : &*found;
}

std::string DomainFacts::resource_of(std::string_view device) const {
  const Interface* of = interface(device);
  if (of != nullptr && has_own_filter(*this, *of)) return of->filter;
  const std::string domain = name + "-" + uuid + "-";
  if (of == nullptr || of->filter.empty() || of->mac.empty()) return domain + std::string(device);
  const auto alike = std::count_if(interfaces.begin(), interfaces.end(), [&](const Interface& one) {
    return !one.device.empty() && squeezed(one.mac) == squeezed(of->mac);
  });
  return domain + squeezed(of->mac) + (alike > 1 ? "-" + std::string(device) : "");
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
  each_child(devices, "interface", [&](const xmlNode* node) { facts.interfaces.push_back(read_interface(node)); });
  each_child(devices, "disk", [&](const xmlNode* node) { facts.disks.push_back(read_disk(node)); });
  return true;
}

std::string common_metadata(const DomainFacts& facts, std::string_view host) {
  JsonObject object;
  object.set("display_name", facts.display_name.value_or(facts.name));
  object.set("name", facts.name).set("instance_id", facts.uuid).set("instance_host", host);
  if (facts.flavor) set_flavor(object, *facts.flavor);
  if (facts.image) object.set("image", JsonObject().set("id", *facts.image)).set("image_ref", *facts.image);
  if (!facts.image_meta.empty()) object.set("image_meta", object_of(facts.image_meta));
  if (!facts.os_type.empty()) object.set("os_type", facts.os_type);
  if (!facts.architecture.empty()) object.set("architecture", facts.architecture);
  if (facts.id >= 0) object.set("domain_id", facts.id);
  set_known(object, "started_at", facts.started_at);
  return object.str();
}

}  // namespace tally::libvirt
