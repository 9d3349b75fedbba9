#include <array>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "mooring/underlay/tunnel.hpp"

namespace mooring::underlay {
namespace {

constexpr char family[] = "ovs_datapath";

// CTRL_CMD_GETFAMILY with the family's name, as generic netlink lays it out. Asking also makes the kernel load the
// module, where there is one.
struct Question {
  nlmsghdr header{};
  genlmsghdr command{};
  nlattr attribute{};
  std::array<char, 16> name{};  // attributes end at a multiple of 4 bytes
};

}  // namespace

bool kernel_has_datapath() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  if (fd < 0) {
    return false;
  }
  const timeval deadline{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = GENL_ID_CTRL;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.command.cmd = CTRL_CMD_GETFAMILY;
  question.command.version = 1;
  question.attribute.nla_len = static_cast<__u16>(sizeof(nlattr) + sizeof family);
  question.attribute.nla_type = CTRL_ATTR_FAMILY_NAME;
  std::memcpy(question.name.data(), family, sizeof family);

  bool known = false;
  if (::send(fd, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
    alignas(nlmsghdr) std::array<char, 8192> answer{};
    const ssize_t size = ::recv(fd, answer.data(), answer.size(), 0);
    nlmsghdr header{};
    if (size >= static_cast<ssize_t>(sizeof header)) {
      std::memcpy(&header, answer.data(), sizeof header);
      known = header.nlmsg_type == GENL_ID_CTRL;  // else NLMSG_ERROR: ENOENT
    }
  }
  ::close(fd);
  return known;
}

}  // namespace mooring::underlay
