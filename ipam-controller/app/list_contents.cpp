#include "ipam-controller/app/list_contents.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "ipam-controller/domain/patterns.hpp"

namespace mooring::controller {
namespace {

// Namespaces come and go; those that are asked for again are found again.
constexpr std::size_t max_remembered_namespaces = 100'000;
constexpr std::size_t max_turned = 4096;

bool by_address(const PortAddress& a, const PortAddress& b) {
  return a.address < b.address;
}

bool namespace_fits(const AddressList& list, std::string_view namespace_) {
  return selects_pods(list) && (list.selector.namespaces.empty() || fits_one(list.selector.namespaces, namespace_));
}

}  // namespace

bool ListContent::has(PortAddress address) const {
  if (const auto it = turned_.find(address.address); it != turned_.end()) {
    return it->second.second;
  }
  return std::binary_search(members_.begin(), members_.end(), address, by_address);
}

void ListContent::turn(PortAddress address, bool listed) {
  ++touches_;
  if (!ready_) {
    turned_[address.address] = {address.vni, listed};
    return;
  }
  if (has(address) == listed) {
    return;
  }
  ++turns_;
  turned_[address.address] = {address.vni, listed};
  if (turned_.size() > max_turned + members_.size() / 8) {
    merge();
  }
}

void ListContent::merge() {
  if (turned_.empty()) {
    return;
  }
  std::vector<PortAddress> now;
  now.reserve(members_.size() + turned_.size());
  auto turned = turned_.begin();
  const auto take_turned_before = [&](auto is_before) {
    for (; turned != turned_.end() && is_before(turned->first); ++turned) {
      if (turned->second.second) {
        now.push_back({turned->second.first, turned->first});
      }
    }
  };
  for (const PortAddress& member : members_) {
    take_turned_before([&](net::IpAddress address) { return address < member.address; });
    if (turned == turned_.end() || turned->first != member.address) {
      now.push_back(member);
    }
  }
  take_turned_before([](net::IpAddress) { return true; });
  members_ = std::move(now);
  turned_.clear();
}

const std::vector<PortAddress>& ListContent::members() {
  merge();
  return members_;
}

std::vector<net::IpRange> ListContent::ranges() {
  std::vector<net::IpRange> ranges;
  ranges.reserve(members().size() + list_.addresses.size());
  for (const PortAddress& member : members_) {
    ranges.push_back({member.address, member.address});
  }
  ranges.insert(ranges.end(), list_.addresses.begin(), list_.addresses.end());
  return ranges;
}

// Goes through everything once, for the lists that were new when it began.
struct ListContents::Looking {
  std::vector<std::shared_ptr<ListContent>> lists;
  std::vector<net::Vni> left;  // subnets of their networks, the current one last
  bool begun = false;          // with the current one
  std::size_t end = 0;         // ports of it from here on were seen
  bool in_bindings = false;
  std::size_t bucket = 0, buckets = 0;
  std::unordered_map<std::uint64_t, Candidates> by_names;

  const Candidates& candidates(const NameTable& names, NameTable::Id network, NameTable::Id namespace_) {
    const auto [it, is_new] = by_names.try_emplace((std::uint64_t{network} << 32) | namespace_);
    for (std::size_t i = 0; is_new && i < lists.size(); ++i) {
      if (lists[i]->list().network == names.text(network) && namespace_fits(lists[i]->list(), names.text(namespace_))) {
        it->second.push_back(lists[i].get());
      }
    }
    return it->second;
  }

  // False: there are no more.
  bool ports(const State& state, std::size_t& slice) {
    while (!left.empty() && slice > 0) {
      const net::Vni vni = left.back();
      if (!begun) {
        end = state.ports().count(vni);
        by_names.clear();  // numbers of names may have changed hands since
        begun = true;
      }
      end = std::min(end, state.ports().count(vni));
      const std::size_t first = end - std::min(end, slice);
      state.ports().each_between(vni, first, end, [&](const PackedPort& port) { look(state, port); });
      slice -= end - first;
      end = first;
      if (end == 0) {
        left.pop_back();
        begun = false;
      }
    }
    by_names.clear();
    return !left.empty();
  }
  void look(const State& state, const PackedPort& port) {
    for (ListContent* content : candidates(state.ports().names(), port.network(), port.namespace_id())) {
      if (!may_select(content->list(), state.ports().names().text(port.namespace_id()), port.hostname())) {
        continue;
      }
      for (const net::IpAddress address : port.addresses().all()) {
        add(*content, state, {port.vni(), address});
      }
    }
  }

  bool bindings(const State& state, std::size_t& slice) {
    const auto& all = state.bindings();
    if (!in_bindings || buckets != all.bucket_count()) {  // they were spread anew: from the beginning
      in_bindings = true;
      bucket = 0;
      buckets = all.bucket_count();
    }
    for (; bucket < buckets && slice > 0; ++bucket, --slice) {
      for (auto it = all.begin(bucket); it != all.end(bucket); ++it) {
        look(state, it->second);
      }
    }
    return bucket < buckets;
  }
  void look(const State& state, const Binding& binding) {
    for (const auto& content : lists) {
      if (binding.owner.network != content->list().network ||
          !may_select(content->list(), binding.owner.namespace_, binding.owner.hostname)) {
        continue;
      }
      const Subnet* subnet = state.subnet(binding.subnet);
      for (const net::IpAddress address : binding.addresses.all()) {
        add(*content, state, {subnet->vni, address});
      }
    }
  }

  void extra_addresses(const State& state) {
    for (const auto& [key, extra] : state.extra_addresses()) {
      for (const auto& content : lists) {
        add(*content, state, key);
      }
    }
  }

  static void add(ListContent& content, const State& state, PortAddress address);
};

void ListContents::Looking::add(ListContent& content, const State& state, PortAddress address) {
  if (is_listed(content.list_, state, address)) {
    content.members_.push_back(address);
  }
}

ListContents::ListContents() = default;
ListContents::~ListContents() = default;

std::shared_ptr<ListContent> ListContents::follow(const AddressList& list) {
  auto& content = followed_[list.name];
  if (!content) {
    content = std::make_shared<ListContent>(list);
    by_namespace_.clear();
  }
  return content;
}

std::shared_ptr<ListContent> ListContents::followed(const std::string& name) const {
  const auto it = followed_.find(name);
  return it == followed_.end() ? nullptr : it->second;
}

void ListContents::forget(const std::string& name) {
  followed_.erase(name);
  by_namespace_.clear();
}

bool ListContents::look(const State& state, std::size_t slice, std::vector<std::string>& ready) {
  if (!looking_) {
    auto next = std::make_unique<Looking>();
    for (const auto& [name, content] : followed_) {
      if (!content->ready_) {
        next->lists.push_back(content);
      }
    }
    if (next->lists.empty()) {
      return false;
    }
    std::set<std::string> networks;
    for (const auto& content : next->lists) {
      if (selects_pods(content->list_) && networks.insert(content->list_.network).second) {
        for (const Subnet* subnet : state.subnets_of(content->list_.network)) {
          next->left.push_back(subnet->vni);
        }
      }
    }
    looking_ = std::move(next);
  }
  if (looking_->ports(state, slice) || looking_->bindings(state, slice)) {
    return true;
  }
  looking_->extra_addresses(state);
  for (const auto& content : looking_->lists) {
    auto& members = content->members_;
    std::sort(members.begin(), members.end(), by_address);
    members.erase(std::unique(members.begin(), members.end(),
                              [](const auto& a, const auto& b) { return a.address == b.address; }),
                  members.end());
    content->merge();  // what has changed since it began
    content->ready_ = true;
    ++content->turns_;
    ready.push_back(content->list_.name);
  }
  looking_.reset();
  return std::any_of(followed_.begin(), followed_.end(), [](const auto& one) { return !one.second->ready_; });
}

const ListContents::Candidates& ListContents::candidates(std::string_view network, std::string_view namespace_) {
  key_.assign(network).append("/").append(namespace_);
  const auto found = by_namespace_.find(key_);
  if (found != by_namespace_.end()) {
    return found->second;
  }
  if (by_namespace_.size() >= max_remembered_namespaces) {
    by_namespace_.clear();
  }
  Candidates& fitting = by_namespace_[key_];
  for (const auto& [name, content] : followed_) {
    if (content->list_.network == network && namespace_fits(content->list_, namespace_)) {
      fitting.push_back(content.get());
    }
  }
  return fitting;
}

void ListContents::redefine(const std::string& name, const AddressList* now) {
  const auto it = followed_.find(name);
  const AddressList& before = it->second->list_;
  if (now == nullptr) {
    it->second->gone_ = true;
    forget(name);
  } else if (now->network == before.network && now->selector == before.selector) {
    it->second->list_ = *now;
    ++it->second->turns_;
    ++it->second->touches_;
  } else {
    it->second->gone_ = true;  // its follower finds the new one
    it->second = std::make_shared<ListContent>(*now);
    by_namespace_.clear();
  }
}

// What one commit means for the lists.
class ListContents::Committed {
 public:
  Committed(ListContents& contents, const State& state) : contents_(contents), state_(state) {}

  void operator()(const Port& before) {
    changed(before.owner, before.vni, before.addresses);
    operator()(Erase<Port>{before.key()});
  }
  void operator()(const Erase<Port>& created) {
    if (const PackedPort* now = state_.ports().packed(created.key)) {
      const NameTable& names = state_.ports().names();
      const Candidates& candidates = contents_.candidates(names.text(now->network()), names.text(now->namespace_id()));
      if (!candidates.empty()) {
        changed(candidates, now->owner(names), now->vni(), now->addresses());
      }
    }
  }
  void operator()(const Binding& before) {
    const Subnet* subnet = state_.subnet(before.subnet);
    changed(before.owner, subnet == nullptr ? net::Vni() : subnet->vni, before.addresses);
    operator()(Erase<Binding>{before.owner});
  }
  void operator()(const Erase<Binding>& created) {
    if (const Binding* now = state_.binding(created.key)) {
      changed(now->owner, state_.subnet(now->subnet)->vni, now->addresses);
    }
  }
  void operator()(const ExtraAddress& before) {
    if (before.holder) {
      changed(*before.holder, before.vni, before.address);
    }
    operator()(Erase<ExtraAddress>{before.key()});
  }
  void operator()(const Erase<ExtraAddress>& created) {
    const ExtraAddress* now = state_.extra_address(created.key);
    if (now != nullptr && now->holder) {
      changed(*now->holder, now->vni, now->address);
    }
  }
  void operator()(const AddressList& before) { redefined(before.name); }
  void operator()(const Erase<AddressList>& created) { redefined(created.key); }
  template <class T>
  void operator()(const T&) {}

  std::vector<std::string> names() && { return {names_.begin(), names_.end()}; }

 private:
  void redefined(const std::string& name) {
    if (contents_.followed_.contains(name)) {
      contents_.redefine(name, state_.list(name));
      names_.insert(name);
    }
  }
  void changed(const BindingKey& owner, net::Vni vni, const net::AddressPair& addresses) {
    changed(contents_.candidates(owner.network, owner.namespace_), owner, vni, addresses);
  }
  void changed(const Candidates& candidates, const BindingKey& owner, net::Vni vni, const net::AddressPair& addresses) {
    for (ListContent* content : candidates) {
      if (!may_select(content->list_, owner.namespace_, owner.hostname)) {
        continue;
      }
      for (const net::IpAddress address : addresses.all()) {
        judge(*content, {vni, address});
      }
      // By its labels the pod may bring in what it holds beside its port.
      for (const PortAddress extra : state_.extra_addresses_of(owner)) {
        judge(*content, extra);
      }
      names_.insert(content->list_.name);
    }
  }
  void judge(ListContent& content, PortAddress address) {
    content.turn(address, is_listed(content.list_, state_, address));
  }

  ListContents& contents_;
  const State& state_;
  std::set<std::string> names_;
};

std::vector<std::string> ListContents::committed(const std::vector<Write>& before, const State& state) {
  if (followed_.empty()) {
    return {};
  }
  Committed committed(*this, state);
  for (const Write& row : before) {
    std::visit(committed, row);
  }
  return std::move(committed).names();
}

}  // namespace mooring::controller
