// One changing request at work: what it writes goes into the state at once, and is remembered four ways: as rows for
// the store, as changes for the directory, as entries of the ledger, and as rows that undo it.
//
// Threading: one thread; one transaction at a time.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "ipam-controller/app/caller.hpp"
#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

class Transaction {
 public:
  // `revision` becomes that of every object written; it is used up if anything is.
  Transaction(State& state, Revision revision, TimeMs now, const Caller& caller)
      : state_(state), revision_(revision), now_(now), caller_(caller) {
    changes_.revision = revision;
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const State& state() const { return state_; }
  Revision revision() const { return revision_; }
  TimeMs now() const { return now_; }
  const Caller& caller() const { return caller_; }

  // Writes an object at this revision; networks, subnets, pools, ports, nodes, gateways, blocks and access
  // rules are published.
  template <class T>
  void put(T object) {
    object.revision = revision_;
    publish(object);
    write(std::move(object));
  }
  // Writes a port whose directory entry stays as it is, at the revision that it has.
  void put_unpublished(Port port) { write(std::move(port)); }

  // By value: the state's own object is gone afterwards.
  template <class T>
  void erase(T object) {
    if constexpr (requires { entries_of(object); }) {
      for (Change& entry : entries_of(object)) {
        changes_.changes.push_back(tombstone_of(std::move(entry), revision_));
      }
    }
    write(Erase<T>{object.key()});
  }
  // For what is not published with its own row.
  void publish_entry(Change entry) { changes_.changes.push_back(std::move(entry)); }
  // (In memory only; not undone, which does no harm: it is offered as long as it is free.)
  void remember_unconfirmed(const BindingKey& owner, const net::AddressPair& addresses) {
    if (!caller_.dry_run) {
      state_.remember_unconfirmed(owner, addresses);
    }
  }
  // Something that people want to know, stored with the rest.
  void tell(EventRecord event) { events_.push_back(std::move(event)); }
  void keep_cursors(WebhookCursors cursors) { cursors_ = std::move(cursors); }

  bool empty() const { return writes_.empty() && events_.empty() && !cursors_; }
  // Puts the state back as it was; the transaction is empty afterwards.
  void undo() {
    undo_all(state_, undo_);
    undo_.clear();
    writes_.clear();
    events_.clear();
    cursors_.reset();
    changes_.changes.clear();
  }
  // Newest last: undone from the back.
  static void undo_all(State& state, const std::vector<Write>& undo) {
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
      state.apply(*it);
    }
  }

  std::vector<Write>& writes() { return writes_; }
  // As many as writes(): what was there before each.
  std::vector<Write>& undo_rows() { return undo_; }
  ChangeSet& changes() { return changes_; }
  std::vector<EventRecord>& events() { return events_; }
  std::optional<WebhookCursors>& cursors() { return cursors_; }

 private:
  template <class T>
  void publish(const T& object) {
    if constexpr (requires { entries_of(object); }) {
      std::vector<Change> now = entries_of(object);
      if (const auto before = current(object); before && may_leave_entries(*before, object)) {
        for (Change& old : entries_of(*before)) {
          const bool stays = std::any_of(now.begin(), now.end(), [&](const Change& entry) {
            return entry.kind == old.kind && entry.shard == old.shard && entry.key == old.key;
          });
          if (!stays) {
            changes_.changes.push_back(tombstone_of(std::move(old), revision_));
          }
        }
      }
      std::move(now.begin(), now.end(), std::back_inserter(changes_.changes));
    }
  }
  // Only what has other keys than before leaves entries behind.
  static bool may_leave_entries(const Port& before, const Port& now) { return before.addresses != now.addresses; }
  template <class T>
  static bool may_leave_entries(const T&, const T&) {
    return true;
  }
  const Network* current(const Network& o) const { return state_.network(o.name); }
  const Subnet* current(const Subnet& o) const { return state_.subnet(o.name); }
  const Pool* current(const Pool& o) const { return state_.pool(o.name); }
  const Node* current(const Node& o) const { return state_.node(o.name); }
  const Gateway* current(const Gateway& o) const { return state_.gateway(o.name); }
  const AccessRule* current(const AccessRule& o) const { return state_.access_rule(o.name); }
  const ListedBlock* current(const ListedBlock& o) const { return state_.listed_block(o.key()); }
  const Vip* current(const Vip& o) const { return state_.vip(o.name); }
  const Block* current(const Block& o) const { return state_.block(o.id); }
  Found<Port> current(const Port& o) const { return state_.port(o.key()); }

  void write(Write row) {
    undo_.push_back(state_.apply(row));
    writes_.push_back(std::move(row));
  }

  State& state_;
  Revision revision_;
  TimeMs now_;
  const Caller& caller_;
  std::vector<Write> writes_;
  std::vector<Write> undo_;
  std::vector<EventRecord> events_;
  std::optional<WebhookCursors> cursors_;
  ChangeSet changes_;
};

}  // namespace mooring::controller
