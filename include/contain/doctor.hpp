// What this host can do, found by trying each thing in a way that changes nothing, rather than by reading a kernel
// config.
#pragma once
#include <string>
#include <vector>

#include "contain/fwd.hpp"

namespace contain {

struct doctor_check {
  enum class grade : unsigned char { ok, degraded, missing };
  std::string group;  ///< "kernel", "isolation", "cgroups", "storage", "network", "rootless", "tools"
  std::string name;   ///< "idmapped mounts"
  grade result = grade::ok;
  std::string detail;  ///< what was found, and what is lost when not ok
  std::string fix;     ///< the command that helps; empty when nothing does
};

struct doctor_report {
  std::vector<doctor_check> checks;
  /// False when a row without which no container starts is missing.
  [[nodiscard]] bool usable() const noexcept;
  [[nodiscard]] std::string to_json() const;
};

/// Takes about 0.1 s. Changes nothing.
doctor_report doctor(engine& in);

}  // namespace contain
