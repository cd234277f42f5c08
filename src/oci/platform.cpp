#include "contain/oci/platform.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/index.hpp"

namespace contain::oci {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_known_os(std::string_view word) noexcept {
  constexpr std::string_view known[] = {"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "wasip1"};
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

/// [A-Za-z0-9_.-]+, containerd's rule for each part.
bool is_component(std::string_view part) noexcept {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
}

/// "v7" -> 7, "v8.2" -> nothing, "" -> nothing.
std::optional<unsigned> variant_number(std::string_view variant) noexcept {
  if (!variant.starts_with('v')) return std::nullopt;
  return text::parse_unsigned<unsigned>(variant.substr(1));
}

/// What a normalised platform without a variant stands for.
unsigned implied_variant(std::string_view architecture) noexcept {
  if (architecture == "arm64") return 8;
  if (architecture == "arm") return 7;
  return 1;
}

/// The oldest variant that a newer processor of this architecture still runs; arm before v5 is another ABI.
unsigned oldest_variant(std::string_view architecture) noexcept {
  if (architecture == "arm64") return 8;
  if (architecture == "arm") return 5;
  return 1;
}

bool has_variants(std::string_view architecture) noexcept {
  return architecture == "arm64" || architecture == "arm" || architecture == "amd64";
}

}  // namespace

platform normalise(platform p) {
  p.os = lower(std::move(p.os));
  if (p.os == "macos") p.os = "darwin";
  p.architecture = lower(std::move(p.architecture));
  p.variant = lower(std::move(p.variant));
  auto& arch = p.architecture;
  if (arch == "x86_64" || arch == "x86-64") {
    arch = "amd64";
  } else if (arch == "aarch64") {
    arch = "arm64";
  } else if (arch == "i386" || arch == "i686" || arch == "x86") {
    arch = "386";
    p.variant.clear();
  } else if (arch == "armhf") {
    arch = "arm";
    p.variant = "v7";
  } else if (arch == "armel") {
    arch = "arm";
    p.variant = "v6";
  }
  if (arch == "amd64" && p.variant == "v1") p.variant.clear();
  if (arch == "arm64" && (p.variant == "8" || p.variant == "v8" || p.variant == "v8.0")) p.variant.clear();
  if (arch == "arm") {
    if (p.variant.empty())
      p.variant = "v7";
    else if (p.variant.size() == 1)
      p.variant.insert(0, "v");
  }
  return p;
}

platform host_platform() {
#if defined(__x86_64__)
  return {"linux", "amd64", "", {}, {}};
#elif defined(__aarch64__)
  return {"linux", "arm64", "", {}, {}};
#elif defined(__arm__) && __ARM_ARCH >= 7
  return {"linux", "arm", "v7", {}, {}};
#elif defined(__arm__)
  return {"linux", "arm", "v6", {}, {}};
#elif defined(__i386__)
  return {"linux", "386", "", {}, {}};
#elif defined(__riscv) && __riscv_xlen == 64
  return {"linux", "riscv64", "", {}, {}};
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return {"linux", "ppc64le", "", {}, {}};
#elif defined(__s390x__)
  return {"linux", "s390x", "", {}, {}};
#elif defined(__loongarch64)
  return {"linux", "loong64", "", {}, {}};
#else
#error "name this architecture as GOARCH does"
#endif
}

platform parse_platform(std::string_view text) {
  const auto parts = text::split(text, '/');
  const auto refuse = [&](std::string why) {
    return error{errc::invalid, "read platform", std::string{text}, std::move(why)};
  };
  if (parts.size() > 3) throw refuse("expected os/architecture/variant");
  for (const auto part : parts)
    if (!is_component(part)) throw refuse("expected os/architecture/variant, like linux/arm64/v8");
  platform out = host_platform();
  if (parts.size() == 1) {
    const auto word = lower(std::string{parts[0]});
    if (is_known_os(word))
      out.os = word;
    else
      out.architecture = word, out.variant.clear();
    return normalise(std::move(out));
  }
  out.os = parts[0];
  out.architecture = parts[1];
  out.variant = parts.size() == 3 ? std::string{parts[2]} : std::string{};
  return normalise(std::move(out));
}

std::string to_string(const platform& p) {
  auto out = p.os + '/' + p.architecture;
  if (!p.variant.empty()) out += '/' + p.variant;
  return out;
}

std::optional<unsigned> match_rank(const platform& wanted_raw, const platform& offered_raw) {
  const auto wanted = normalise(wanted_raw);
  const auto offered = normalise(offered_raw);
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return std::nullopt;
  if (wanted.variant == offered.variant) return 0;
  if (!has_variants(wanted.architecture)) return std::nullopt;
  const auto number = [](const platform& p) {
    return p.variant.empty() ? std::optional{implied_variant(p.architecture)} : variant_number(p.variant);
  };
  const auto want = number(wanted);
  const auto offer = number(offered);
  if (!want || !offer || *offer > *want || *offer < oldest_variant(wanted.architecture)) return std::nullopt;
  return *want - *offer;
}

const descriptor* choose(const index& from, const platform& wanted) {
  const descriptor* best = nullptr;
  unsigned best_rank = ~0U;
  const descriptor* unnamed = nullptr;
  std::size_t unnamed_count = 0;
  for (const descriptor& entry : from.manifests) {
    if (!entry.platform) {
      unnamed = &entry;
      ++unnamed_count;
      continue;
    }
    const auto rank = match_rank(wanted, *entry.platform);
    if (rank && *rank < best_rank) {
      best = &entry;
      best_rank = *rank;
    }
  }
  if (best != nullptr) return best;
  return unnamed_count == 1 ? unnamed : nullptr;
}

std::string list_platforms(const index& of) {
  std::vector<std::string> names;
  for (const descriptor& entry : of.manifests) {
    if (!entry.platform || entry.platform->os == "unknown") continue;
    auto name = to_string(*entry.platform);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return text::join(names, ", ");
}

}  // namespace contain::oci
