#include "lib/agent/output_protocol.h"

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {

nlohmann::json Ready::to_json() const {
  return {{"type", "ready"}, {"epoch", epoch}, {"boot_id", boot_id}, {"next_seq", next_seq}};
}

Result<Ready> Ready::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "ready line");
  Ready ready;
  if (fields.text("type") != "ready") {
    return Error(ErrorKind::kInvalid, "ready line: another type");
  }
  ready.epoch = fields.count("epoch");
  ready.boot_id = fields.text("boot_id");
  ready.next_seq = fields.count("next_seq");
  SNAP_TRY(fields.finish());
  return ready;
}

nlohmann::json OutputLine::to_json() const {
  nlohmann::json json = fields;
  json["type"] = type;
  json["seq"] = seq;
  return json;
}

Result<OutputLine> OutputLine::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "output line");
  OutputLine line;
  line.type = fields.text("type");
  line.seq = fields.count("seq");
  line.fields = fields.rest();
  SNAP_TRY(fields.finish());
  return line;
}

}  // namespace snaphammer::agent
