// From callbacks to coroutines: waits for what a use case of Ipam hands to its callback.
//
//   const Start<Network> start = [&](Callback<Network> done) { ipam.create_network(network, std::move(done)); };
//   const Result<Network> made = co_await when_done(start);
//
// (A named local on purpose: g++ 12 miscompiles lambdas between `co_await` and `;`.)
// Threading: the coroutine goes on where the callback is called. A callback that is dropped destroys the coroutine.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "ipam-controller/app/ports.hpp"

namespace mooring::controller {

namespace asio = boost::asio;

template <class T>
using Start = std::function<void(Callback<T>)>;

template <class T>
asio::awaitable<Result<T>> when_done(Start<T> start) {
  auto initiate = [start = std::move(start)](auto handler) {
    // Callback is a std::function, which copies; the handler only moves.
    const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([shared](Result<T> result) { std::move (*shared)(std::move(result)); });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(std::move(initiate), asio::use_awaitable);
}

}  // namespace mooring::controller
