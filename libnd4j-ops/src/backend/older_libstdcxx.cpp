// What the headers of newer compilers ask libstdc++ for, and the libstdc++ of ND4J's oldest system
// (GCC 7) does not have. Defined here, hidden, the library runs there too. Its exceptions stay
// those of the process's libstdc++, so that libnd4j catches them.
#include <new>

namespace std {
// Since GCC 11 (GLIBCXX_3.4.29): thrown where the size of an allocation overflows. The declaration
// is libstdc++'s own, and so is the name.
[[noreturn]] void __throw_bad_array_new_length();
void __throw_bad_array_new_length() {
    throw bad_array_new_length();
}
}  // namespace std
