#include "lib/snapshot/manifest.h"

#include <algorithm>
#include <ctime>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace snaphammer::snapshot {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxText = 16_MiB;
constexpr int kMaxDepth = 64;  // Bounds the recursion of every later walk over the metadata.
constexpr std::size_t kMaxIdLength = 128;

Error corrupt_manifest(std::string what) { return Error(ErrorKind::kCorrupt, "manifest: " + std::move(what)); }

// The last member of the text and its end; what it follows ends in ",\n".
std::string seal_of(std::string_view body) {
  return fmt::format("  \"checksum\": \"{}\"\n}}\n", checksum_of(body).hex());
}

std::string seal(const json& document) {
  std::string body = document.dump(2);
  body.resize(body.size() - std::string_view("\n}").size());
  body += ",\n";
  return body + seal_of(body);
}

// The document without its checksum, once that is right.
Result<json> unseal(std::string_view text) {
  static const std::size_t seal_length = seal_of("").size();
  if (text.size() > kMaxText) return corrupt_manifest(fmt::format("{} bytes are too many", text.size()));
  if (text.size() < seal_length) return corrupt_manifest("is cut off");
  const std::string_view body = text.substr(0, text.size() - seal_length);
  if (text.substr(body.size()) != seal_of(body)) return corrupt_manifest("does not match its checksum");

  bool too_deep = false;
  const auto bound_depth = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json document = json::parse(text, bound_depth, /*allow_exceptions=*/false);
  if (too_deep) return corrupt_manifest("is nested too deeply");
  if (!document.is_object()) return corrupt_manifest("is not a JSON object");
  document.erase("checksum");
  return document;
}

// Takes members out of an object, with their types checked, so that what is left over is unknown. The first failure
// sticks; the values taken after it are empty.
class Members {
 public:
  explicit Members(json object) : object_(std::move(object)) {
    if (!object_.is_object()) fail("a member is not an object");
  }

  json take(const char* name) {
    if (failure_) return {};
    const auto found = object_.find(name);
    if (found == object_.end()) return fail(fmt::format("'{}' is missing", name));
    json value = std::move(*found);
    object_.erase(found);
    return value;
  }
  std::string text(const char* name) {
    const json value = take(name);
    if (value.is_string()) return value.get<std::string>();
    fail(fmt::format("'{}' is not a text", name));
    return {};
  }
  ByteCount bytes(const char* name) {
    const json value = take(name);
    if (value.is_number_unsigned()) return value.get<ByteCount>();
    fail(fmt::format("'{}' is not a size", name));
    return 0;
  }
  template <class Id>
  Id bits(const char* name) {
    const auto value = Bits128::parse(text(name));
    if (value) return Id{*value};
    fail(fmt::format("'{}' is not 32 hexadecimal digits", name));
    return {};
  }
  std::string id(const char* name) {
    std::string value = text(name);
    if (!check_id(value)) fail(fmt::format("'{}' is not the name of a snapshot", name));
    return value;
  }
  json fail(std::string why) {
    if (!failure_) failure_ = std::move(why);
    return {};
  }
  /// After the last member.
  Result<void> done() {
    if (!failure_ && !object_.empty()) fail(fmt::format("unknown member '{}'", object_.begin().key()));
    if (failure_) return corrupt_manifest(*failure_);
    return {};
  }

 private:
  json object_;
  std::optional<std::string> failure_;
};

json to_json(const GenerationRef& ref) { return {{"id", ref.id}, {"build", ref.build.hex()}}; }
json to_json(const FileSeal& seal) { return {{"size", seal.size}, {"checksum", seal.checksum.hex()}}; }

Result<GenerationRef> read_ref(json value) {
  Members members(std::move(value));
  GenerationRef ref{.id = members.id("id"), .build = members.bits<BuildId>("build")};
  SNAP_TRY(members.done());
  return ref;
}

Result<FileSeal> read_seal(json value) {
  Members members(std::move(value));
  const FileSeal seal{.size = members.bytes("size"), .checksum = members.bits<Checksum>("checksum")};
  SNAP_TRY(members.done());
  return seal;
}

std::string format_time(std::chrono::sys_seconds time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time_t{time.time_since_epoch().count()}));
}

Result<std::chrono::sys_seconds> read_time(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) != nullptr) {
    const std::chrono::sys_seconds time{std::chrono::seconds(::timegm(&parts))};
    if (format_time(time) == text) return time;
  }
  return corrupt_manifest("'created' is not a time");
}

}  // namespace

Result<void> check_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (!id.empty() && id.size() <= kMaxIdLength && id.front() != '.' && std::all_of(id.begin(), id.end(), allowed)) {
    return {};
  }
  return Error(ErrorKind::kInvalid, fmt::format("'{}' cannot be the id of a snapshot", id))
      .advise("use up to 128 letters, digits, '.', '_' and '-', not starting with '.'");
}

Result<std::string> format_manifest(const Manifest& manifest) {
  json sources = json::array();
  for (const GenerationRef& source : manifest.sources) sources.push_back(to_json(source));
  const json document{
      {"format", Manifest::kFormat},
      {"id", manifest.id},
      {"build", manifest.build.hex()},
      {"created", format_time(manifest.created)},
      {"parent", manifest.parent ? to_json(*manifest.parent) : json()},
      {"sources", std::move(sources)},
      {"memory", {{"size", manifest.memory_size}, {"stored", manifest.memory_stored}}},
      {"header", to_json(manifest.header)},
      {"vmstate", to_json(manifest.vmstate)},
      {"metadata", manifest.metadata},
  };
  const auto invalid = [](std::string_view why) {
    return Error(ErrorKind::kInvalid, fmt::format("manifest cannot be written: {}", why))
        .advise("keep metadata small, shallow and in UTF-8");
  };
  std::string text;
  try {
    text = seal(document);
  } catch (const json::exception& failure) {
    return invalid(failure.what());
  }
  // What would not be read back as it is (NaN, too deep, too large) is refused while the guest is still there.
  const auto read_back = parse_manifest(text);
  if (!read_back) return invalid(read_back.error().message());
  if (*read_back != manifest) return invalid("it would not be read back as it is");
  return text;
}

Result<Manifest> parse_manifest(std::string_view text) {
  SNAP_ASSIGN(json document, unseal(text));
  Members members(std::move(document));
  const json format = members.take("format");
  if (format.is_number_integer() && format != Manifest::kFormat) {
    return Error(ErrorKind::kUnfit,
                 fmt::format("manifest: format {}, this program knows {}", format.dump(), Manifest::kFormat))
        .advise("take the snapshot again with this version, or use the one that wrote it");
  }
  Manifest manifest;
  manifest.id = members.id("id");
  manifest.build = members.bits<BuildId>("build");
  const std::string created = members.text("created");
  json parent = members.take("parent");
  json sources = members.take("sources");
  Members memory(members.take("memory"));
  json header = members.take("header");
  json vmstate = members.take("vmstate");
  manifest.metadata = members.take("metadata");
  SNAP_TRY(members.done());

  manifest.memory_size = memory.bytes("size");
  manifest.memory_stored = memory.bytes("stored");
  SNAP_TRY(memory.done());
  SNAP_ASSIGN(manifest.created, read_time(created));
  SNAP_ASSIGN(manifest.header, read_seal(std::move(header)));
  SNAP_ASSIGN(manifest.vmstate, read_seal(std::move(vmstate)));
  if (!parent.is_null()) {
    SNAP_ASSIGN(manifest.parent, read_ref(std::move(parent)));
  }
  if (!sources.is_array()) return corrupt_manifest("'sources' is not a list");
  for (json& source : sources) {
    SNAP_ASSIGN(GenerationRef ref, read_ref(std::move(source)));
    manifest.sources.push_back(std::move(ref));
  }
  return manifest;
}

}  // namespace snaphammer::snapshot
