# What only those who work on tutti need: the strict warnings, sanitizers, headers that compile alone.
if(MSVC)
  add_compile_options(/W4 /permissive-)
else()
  add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

set(TUTTI_SANITIZE "" CACHE STRING "Sanitizers for the tests: address, thread, or nothing")
if(TUTTI_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-fno-sanitize=function)  # clang 14 cannot place its mark before a coroutine
  endif()
  add_link_options(-fsanitize=address,undefined)
elseif(TUTTI_SANITIZE STREQUAL "thread")
  # ThreadSanitizer does not understand the stand-alone fences of Asio's fenced_block.
  add_compile_options(-fsanitize=thread)
  add_compile_definitions(ASIO_DISABLE_FENCED_BLOCK BOOST_ASIO_DISABLE_FENCED_BLOCK)
  add_link_options(-fsanitize=thread)
elseif(TUTTI_SANITIZE)
  message(FATAL_ERROR "TUTTI_SANITIZE is address, thread or nothing, not '${TUTTI_SANITIZE}'")
endif()

set_target_properties(tutti PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
if(TARGET tutti_boost AND Boost_FOUND)
  set_target_properties(tutti_boost PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endif()
