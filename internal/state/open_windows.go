package state

// noFollow has no counterpart in Windows' open call.
const noFollow = 0
