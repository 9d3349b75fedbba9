// The addresses of the pods that lists select, for the lists that somebody follows: found once by looking through all
// ports and bindings, a slice at a time, and kept right by the rows of each commit.
//
// A row costs a look at the lists that are followed and whose namespaces fit (remembered for each namespace), and
// nothing where there are none. 24 bytes an address.
// Threading: Ipam's thread. Everything that takes a State: of a moment when nothing uncommitted is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ipam-controller/domain/address_list.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

// One list that is followed.
class ListContent {
 public:
  explicit ListContent(AddressList list) : list_(std::move(list)) {}

  const AddressList& list() const { return list_; }
  // All ports and bindings were looked at.
  bool ready() const { return ready_; }
  bool gone() const { return gone_; }
  // Another number: other addresses.
  std::uint64_t turns() const { return turns_; }
  // Another number: perhaps other pods at its addresses, or one that has come or gone.
  std::uint64_t touches() const { return touches_; }

  // The addresses of pods, ascending.
  const std::vector<PortAddress>& members();
  // Those and the list's own.
  std::vector<net::IpRange> ranges();

 private:
  friend class ListContents;
  void turn(PortAddress address, bool listed);
  bool has(PortAddress address) const;
  void merge();

  AddressList list_;
  bool ready_ = false;
  bool gone_ = false;
  std::uint64_t turns_ = 0;
  std::uint64_t touches_ = 0;
  std::vector<PortAddress> members_;                            // sorted by address once it is ready
  std::map<net::IpAddress, std::pair<net::Vni, bool>> turned_;  // since: on it, or not
};

class ListContents {
 public:
  ListContents();
  ~ListContents();
  ListContents(const ListContents&) = delete;
  ListContents& operator=(const ListContents&) = delete;

  // Of a list as it is committed; it is followed from now on. Ready after enough calls of look().
  std::shared_ptr<ListContent> follow(const AddressList& list);
  // nullptr: it is not followed.
  std::shared_ptr<ListContent> followed(const std::string& name) const;
  void forget(const std::string& name);
  bool empty() const { return followed_.empty(); }

  // One slice, of about so many ports or bindings. True: there is more to look at. Names that got ready go to `ready`.
  bool look(const State& state, std::size_t slice, std::vector<std::string>& ready);

  // The rows of a commit, by what was there before each. Names whose addresses or pods may be others now, each once.
  std::vector<std::string> committed(const std::vector<Write>& before, const State& state);

 private:
  struct Looking;
  class Committed;
  using Candidates = std::vector<ListContent*>;

  const Candidates& candidates(std::string_view network, std::string_view namespace_);
  void redefine(const std::string& name, const AddressList* now);

  std::map<std::string, std::shared_ptr<ListContent>> followed_;
  std::unordered_map<std::string, Candidates> by_namespace_;  // "NETWORK/NAMESPACE"
  std::string key_;                                           // of the last question
  std::unique_ptr<Looking> looking_;
};

}  // namespace mooring::controller
