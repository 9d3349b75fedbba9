// Keeps the back ends of VIPs as they are: which pods a VIP selects, and which of them are healthy, by what their nodes
// say. What differs from the VIP as it is stored is committed, and so goes to all nodes and gateways.
//
// A node that has back ends reports once a second and whenever a verdict changes. One that is not heard for 2.2 s is
// taken for dead, and all that is on it; in the first seconds of a controller what was stored holds. Threading: Ipam's
// thread. Must outlive its callbacks: stop(), then run the executor until it is out of work.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/app/list_contents.hpp"

namespace mooring::controller {

struct VipVerdict {
  std::string vip;
  net::IpAddress address;  // of the back end
  bool healthy = false;
  std::string why;  // it is not
};

class VipKeeper {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;

  VipKeeper(boost::asio::any_io_executor executor, Ipam& ipam, Now now = &Clock::now);
  ~VipKeeper();
  VipKeeper(const VipKeeper&) = delete;
  VipKeeper& operator=(const VipKeeper&) = delete;

  // All that a node knows of its back ends. One that it does not name keeps the verdict that it had. Of pods that live
  // elsewhere it has nothing to say.
  void heard(const std::string& node, const std::vector<VipVerdict>& verdicts);
  // Looks who has fallen silent by now. Its own timer calls it five times a second.
  void tick();
  void stop();

 private:
  struct Known {  // of a back end
    bool healthy = false;
    std::string why;
  };
  using Told = std::pair<net::IpAddress, std::string>;  // a back end, and the node that says so
  struct Kept {                                         // of a VIP
    Vip followed;                                       // as it was when it was looked up
    std::shared_ptr<ListContent> content;
    std::set<std::string> nodes;
    std::map<Told, Known> verdicts;
  };

  void follow(const Vip& vip);
  void look_on();
  void on_rows(const std::vector<Write>& before, const State& state);
  void settle_soon(const std::string& name);
  void settle();
  bool alive(const std::string& node) const;
  bool starting() const;
  std::vector<PortAddress> members_of(const State& state, const Vip& vip, Kept& kept) const;
  std::vector<VipBackend> backends_of(const State& state, const Vip& vip, Revision now);

  Ipam& ipam_;
  Now now_;
  boost::asio::steady_timer timer_;
  ListContents contents_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, Clock::time_point> heard_;  // by node
  std::set<std::string> alive_;                     // nodes, when it was last looked
  std::set<std::string> due_;                       // VIPs
  Clock::time_point began_ = now_();
  bool looking_ = false;
  bool settling_ = false;
  bool was_starting_ = true;
  bool stopped_ = false;
  std::shared_ptr<VipKeeper*> self_;  // callbacks hold it weakly
};

}  // namespace mooring::controller
