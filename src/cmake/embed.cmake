# contain_embed(TARGET SYMBOL FILE): the bytes of FILE inside TARGET, as
#   extern "C" const unsigned char SYMBOL_begin[], SYMBOL_end[];
# FILE may be the output of a custom command or $<TARGET_FILE:…>; pass the target as DEPENDS then.
function(contain_embed target symbol file)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  set(assembly ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(GENERATE OUTPUT ${assembly} CONTENT "\
  .section .rodata
  .balign 64
  .global ${symbol}_begin
  .global ${symbol}_end
  .hidden ${symbol}_begin
  .hidden ${symbol}_end
${symbol}_begin:
  .incbin \"${file}\"
${symbol}_end:
  .byte 0
  .section .note.GNU-stack,\"\",%progbits
")
  # The compiler's dependency scan does not see .incbin.
  set_source_files_properties(${assembly} PROPERTIES GENERATED ON OBJECT_DEPENDS "${file};${arg_DEPENDS}")
  target_sources(${target} PRIVATE ${assembly})
endfunction()
