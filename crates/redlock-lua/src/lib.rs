//! Each redlock command as the shortest Redis command or Lua script, and the decoding of its reply
