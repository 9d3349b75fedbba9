// One changing request at work: what it writes goes into the state at once, and is remembered three ways: as rows for
// the store, as changes for the directory, and as rows that undo it.
//
// Threading: one thread; one transaction at a time.
#pragma once

#include <utility>
#include <vector>

#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

class Transaction {
 public:
  // `revision` becomes that of every object written; it is used up if anything is.
  Transaction(State& state, Revision revision) : state_(state), revision_(revision) { changes_.revision = revision; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const State& state() const { return state_; }
  Revision revision() const { return revision_; }

  // Writes an object at this revision; networks, subnets, pools, ports, nodes and gateways are published.
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
    if constexpr (requires { entry_of(object); }) {
      changes_.changes.push_back(tombstone_of(entry_of(object), revision_));
    }
    write(Erase<T>{object.key()});
  }

  bool empty() const { return writes_.empty(); }
  // Puts the state back as it was; the transaction is empty afterwards.
  void undo() {
    undo_all(state_, undo_);
    undo_.clear();
    writes_.clear();
    changes_.changes.clear();
  }
  // Newest last: undone from the back.
  static void undo_all(State& state, const std::vector<Write>& undo) {
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
      state.apply(*it);
    }
  }

  std::vector<Write>& writes() { return writes_; }
  std::vector<Write>& undo_rows() { return undo_; }
  ChangeSet& changes() { return changes_; }

 private:
  template <class T>
  void publish(const T& object) {
    if constexpr (requires { entry_of(object); }) {
      changes_.changes.push_back(entry_of(object));
    }
  }
  void write(Write row) {
    undo_.push_back(state_.apply(row));
    writes_.push_back(std::move(row));
  }

  State& state_;
  Revision revision_;
  std::vector<Write> writes_;
  std::vector<Write> undo_;
  ChangeSet changes_;
};

}  // namespace mooring::controller
