// The mounts that only the supervisor can make: the overlay over the idmapped store, /dev with real nodes, binds with
// ids.
#pragma once
#include "contain/runtime/launch_plan.hpp"

namespace contain::runtime::sv {

/// The container's root as a detached mount. `userns` -1 = no id mapping. Sets errno on failure.
step make_rootfs(const launch_plan& plan, const int* fds, int userns, int* rootfs) noexcept;
/// A tmpfs for /dev, or the host's own /dev.
step make_dev(const launch_plan& plan, int* fds, int* dev) noexcept;
/// Maps the ids of bind mounts as those of the root file system, where their file system can.
step idmap_binds(const launch_plan& plan, const int* fds, int userns) noexcept;
/// The supervisor's own world: a mount namespace with a tmpfs root, /proc, /sys and six devices, and nothing else. A
/// container's mount namespace starts as a copy of it, so its cost does not grow with the host's mounts.
bool make_own_root() noexcept;

}  // namespace contain::runtime::sv
