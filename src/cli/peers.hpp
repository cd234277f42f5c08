// The two far sides of a session: a container's first process and an exec.
#pragma once
#include <array>
#include <string_view>

#include "cli/session.hpp"
#include "contain/container.hpp"
#include "contain/process.hpp"

namespace contain::cli {

/// Through an attachment. Both objects must outlive it.
class container_peer final : public peer {
 public:
  container_peer(container& of, attachment& through) : container_(of), attachment_(through) {}
  ~container_peer() override;
  [[nodiscard]] std::array<int, 3> output_fds() const override;
  process::chunk read(int fd) override;
  [[nodiscard]] bool finished() const override;
  [[nodiscard]] int input_fd() const override;
  bool write(std::string_view data) override;
  void close_input() override;
  void resize(window_size size) override;
  void signal(int number) override;

 private:
  container& container_;
  attachment& attachment_;
  bool output_ended_ = false, input_ended_ = false, exited_ = false;
  int wait_fd_ = -1;  ///< only after the output ended, when the process goes on without it
};

/// The descriptors of a process object, which must outlive it.
class process_peer final : public peer {
 public:
  process_peer(process& of, bool tty);
  [[nodiscard]] std::array<int, 3> output_fds() const override;
  process::chunk read(int fd) override;
  [[nodiscard]] bool finished() const override;
  [[nodiscard]] int input_fd() const override;
  bool write(std::string_view data) override;
  void close_input() override;
  void resize(window_size size) override;
  void signal(int number) override;

 private:
  process& process_;
  bool tty_;
  int out_, err_, in_;  ///< borrowed; -1 after their end
  bool exited_ = false;
};

/// A session with a started container to its end. Returns the container's exit status, 0 when the user detached.
int follow(container& of, attachment& through, const session_options& options, console& io);

}  // namespace contain::cli
