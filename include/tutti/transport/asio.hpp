// SPDX-License-Identifier: BSL-1.0
// The one file that includes Asio: standalone by default, Boost's where TUTTI_USE_BOOST_ASIO is defined.
#pragma once

#include <tutti/core/version.hpp>

#include <utility>  // Asio 1.22 uses std::exchange without including it

#if defined(__clang__)  // clang 14 has coroutines, but the Asio of its time looks for the experimental header
#ifndef ASIO_HAS_CO_AWAIT
#define ASIO_HAS_CO_AWAIT 1
#endif
#ifndef ASIO_HAS_STD_COROUTINE
#define ASIO_HAS_STD_COROUTINE 1
#endif
#ifndef BOOST_ASIO_HAS_CO_AWAIT
#define BOOST_ASIO_HAS_CO_AWAIT 1
#endif
#ifndef BOOST_ASIO_HAS_STD_COROUTINE
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif
#endif

#if defined(TUTTI_USE_BOOST_ASIO)
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#else
#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE 1
#endif
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#endif

namespace tutti::inline TUTTI_ABI {

#if defined(TUTTI_USE_BOOST_ASIO)
namespace net = boost::asio;
using net_error = boost::system::error_code;
#else
namespace net = ::asio;
using net_error = std::error_code;
#endif

}  // namespace tutti::inline TUTTI_ABI
