// A few lines of HTTP server on loopback, for answers that no real registry gives.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "contain/sys/fd.hpp"

namespace contain::test {

struct seen_request {
  std::string method, target;
  std::map<std::string, std::string> headers;  ///< lower-case names
  std::string body;
};

struct reply {
  std::string raw;    ///< status line, headers, blank line, body
  bool hold = false;  ///< then say nothing more and keep the connection open
};

inline reply answer(int status, const std::string& body, const std::string& headers = {}) {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\nConnection: close\r\n" + headers + "\r\n" + body,
          false};
}

/// Serves one connection after another until it is destroyed.
class tiny_server {
 public:
  explicit tiny_server(std::function<reply(const seen_request&)> handler) : handler_(std::move(handler)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    (void)::bind(listener_.get(), reinterpret_cast<sockaddr*>(&where), size);
    (void)::listen(listener_.get(), 16);
    (void)::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
    wake_.reset(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread{[this] { serve(); }};
  }
  ~tiny_server() {
    (void)::eventfd_write(wake_.get(), 1);
    thread_.join();
  }
  tiny_server(const tiny_server&) = delete;
  tiny_server& operator=(const tiny_server&) = delete;

  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<seen_request> seen() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }

 private:
  [[nodiscard]] bool wait(int fd) const {
    pollfd both[] = {{fd, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    (void)::poll(both, 2, -1);
    return both[1].revents == 0;
  }
  void serve() {
    while (wait(listener_.get())) {
      sys::unique_fd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      if (connection) converse(connection.get());
    }
  }
  void converse(int fd) {
    std::string text;
    auto end = std::string::npos;
    while ((end = text.find("\r\n\r\n")) == std::string::npos)
      if (!more(fd, text)) return;
    auto request = parse(text.substr(0, end));
    const auto length = request.headers.find("content-length");
    const auto wanted = length == request.headers.end() ? 0U : static_cast<std::size_t>(std::stoul(length->second));
    while (text.size() < end + 4 + wanted)
      if (!more(fd, text)) return;
    request.body = text.substr(end + 4);
    {
      const std::lock_guard lock{mutex_};
      seen_.push_back(request);
    }
    const auto out = handler_(request);
    for (std::size_t sent = 0; sent < out.raw.size();) {
      const auto n = ::send(fd, out.raw.data() + sent, out.raw.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
    if (out.hold) (void)wait(-1);
  }
  bool more(int fd, std::string& text) const {
    char buffer[4096];
    if (!wait(fd)) return false;
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  static seen_request parse(const std::string& head) {
    seen_request out;
    std::size_t at = head.find("\r\n");
    const auto first = head.substr(0, at);
    out.method = first.substr(0, first.find(' '));
    out.target = first.substr(out.method.size() + 1, first.rfind(' ') - out.method.size() - 1);
    while (at != std::string::npos) {
      const auto next = head.find("\r\n", at + 2);
      const auto line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
      auto name = line.substr(0, line.find(':'));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      out.headers[name] = line.substr(std::min(line.size(), name.size() + 2));
      at = next;
    }
    return out;
  }

  std::function<reply(const seen_request&)> handler_;
  sys::unique_fd listener_, wake_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<seen_request> seen_;
  std::thread thread_;
};

}  // namespace contain::test
