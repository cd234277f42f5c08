// Forward declarations of every public name.
#pragma once

namespace contain {
class engine;
class image;
class container;
class process;
class error;
struct engine_options;
struct container_options;
struct exec_options;
struct completed;
}  // namespace contain
