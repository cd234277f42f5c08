// inspect: the whole truth about containers and images as JSON.
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/template.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

using json = nlohmann::ordered_json;

enum class kind : unsigned char { any, container, image };

/// Nothing when there is no such object. A container is looked for first, as docker does.
std::optional<std::string> document_of(engine& in, const std::string& name, kind wanted) {
  if (wanted != kind::image) {
    try {
      return container::open(in, name).inspect_json();
    } catch (const error& e) {
      if (e.code() != errc::container_not_found) throw;
      if (wanted == kind::container) return std::nullopt;
    }
  }
  try {
    return image::open(in, name).inspect_json();
  } catch (const error& e) {
    if (e.code() != errc::image_not_found) throw;
    return std::nullopt;
  }
}

error missing(const std::string& name, kind wanted) {
  if (wanted == kind::container) return error{errc::container_not_found, "inspect", name};
  if (wanted == kind::image) return error{errc::image_not_found, "inspect", name};
  return error{errc::container_not_found, "inspect", name, "there is no container and no image of this name"}.with_hint(
      "`contain ps -a` and `contain images` list them");
}

int inspect(invocation& call, kind wanted) {
  std::string format, type;
  bool size = false;
  arguments flags{call};
  flags.text("-f,--format", format, "Format output using a Go template, or 'json'");
  if (wanted == kind::any)
    flags.text("--type", type, "Only inspect objects of the given type (\"container\" or \"image\")");
  if (wanted != kind::image) flags.flag("-s,--size", size, "Display total file sizes (not kept by this version)");
  const auto names = flags.parse({1});
  if (type == "container") wanted = kind::container;
  if (type == "image") wanted = kind::image;
  if (!type.empty() && wanted == kind::any)
    throw usage_error{text::cat("\"", type, "\" is not a valid value for --type"), call.full_name(), {}, 125};

  std::optional<go_template> shape;
  const bool as_array = format.empty() || format == "json";
  if (!as_array) shape.emplace(format);
  auto all = json::array();
  std::vector<error> absent;
  for (const auto& name : names) {
    const auto document = document_of(call.store(), name, wanted);
    if (!document) {
      absent.push_back(missing(name, wanted));
      continue;
    }
    auto object = json::parse(*document);
    if (as_array)
      all.push_back(std::move(object));
    else
      call.io.out.line(shape->render(object));
  }
  if (as_array) call.io.out.line(all.dump(format == "json" ? -1 : 4, ' ', false, json::error_handler_t::replace));
  for (const auto& e : absent) report(call, e);
  return absent.empty() ? 0 : 1;
}

}  // namespace

int inspect_verb(invocation& call) { return inspect(call, kind::any); }
int container_inspect_verb(invocation& call) { return inspect(call, kind::container); }
int image_inspect_verb(invocation& call) { return inspect(call, kind::image); }

}  // namespace contain::cli
