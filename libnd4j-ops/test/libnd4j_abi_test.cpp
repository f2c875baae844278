// The hand-written declarations of libnd4j, against ND4J's real library.
//
// The compiler lays our classes out by src/libnd4j/libnd4j.h; ND4J's library was laid out by its
// own headers. Where the two disagree, an op would jump into the wrong function. This test finds
// it.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "../src/libnd4j/libnd4j.h"

namespace {

void* nd4j() {
    static void* const library = dlopen(DCN4J_ND4J, RTLD_NOW | RTLD_LOCAL);
    return library;
}

std::string demangled(const char* name) {
    int status = 0;
    char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    const std::string result = status == 0 ? text : name;
    std::free(text);
    return result;
}

/// The function that a vtable slot points at, as its library's symbol table names it.
std::string functionAt(const void* address) {
    Dl_info info{};
    if (dladdr(address, &info) == 0 || info.dli_sname == nullptr) return "?";
    return demangled(info.dli_sname);
}

/// An op that overrides nothing but the pure virtual functions.
class Probe final : public sd::ops::DeclarableCustomOp {
  public:
    Probe() : DeclarableCustomOp(3, 2, "dcn4j_abi_probe", false, 1, 4) {}
    sd::Status validateAndExecute(sd::graph::Context&) override { return sd::Status::OK; }
    sd::ShapeList* calculateOutputShape(sd::ShapeList*, sd::graph::Context&) override {
        return nullptr;
    }
};

const void* const* vtableOf(const void* object) {
    return *static_cast<const void* const* const*>(object);
}

constexpr int slots = 8;

TEST(Libnd4jAbi, LibraryLoads) {
    ASSERT_NE(nd4j(), nullptr) << dlerror();
}

TEST(Libnd4jAbi, VtableHasTheSlotsInTheOrderThatWeDeclare) {
    // The vtable symbol begins with the offset to the top and the type information.
    const auto* real =
        static_cast<const void* const*>(dlsym(nd4j(), "_ZTVN2sd3ops18DeclarableCustomOpE"));
    ASSERT_NE(real, nullptr);
    const std::string op = "sd::ops::DeclarableOp::";
    const std::string names[slots] = {
        op + "registerTypes()",
        "__cxa_pure_virtual",  // validateAndExecute
        op + "emptyHandling()",
        "",  // destructors, each class's own
        "",
        op + "validateDataTypes(sd::graph::Context&)",
        "__cxa_pure_virtual",  // calculateOutputShape
        op + "execute(sd::graph::Context*)",
    };
    const Probe probe;
    const void* const* ours = vtableOf(&probe);
    for (int slot = 0; slot < slots; ++slot) {
        if (names[slot].empty()) continue;
        EXPECT_EQ(functionAt(real[2 + slot]), names[slot]) << "real slot " << slot;
        if (names[slot] != "__cxa_pure_virtual") {
            EXPECT_EQ(functionAt(ours[slot]), names[slot]) << "our slot " << slot;
        }
    }
    // A finished op of ND4J's own tells which of the pure slots is which.
    auto* add = sd::ops::OpRegistrator::getInstance().getOperation("conv2d");
    ASSERT_NE(add, nullptr);
    const void* const* conv2d = vtableOf(add);
    EXPECT_EQ(functionAt(conv2d[1]), "sd::ops::conv2d::validateAndExecute(sd::graph::Context&)");
    EXPECT_EQ(functionAt(conv2d[6]),
              "sd::ops::conv2d::calculateOutputShape(sd::ShapeList*, sd::graph::Context&)");
}

TEST(Libnd4jAbi, VtableHasNoMoreSlotsThanWeDeclare) {
    const void* vtable = dlsym(nd4j(), "_ZTVN2sd3ops18DeclarableCustomOpE");
    Dl_info info{};
    void* symbol = nullptr;
    ASSERT_NE(dladdr1(vtable, &info, &symbol, RTLD_DL_SYMENT), 0);
    ASSERT_NE(symbol, nullptr);
    EXPECT_EQ(static_cast<const ElfW(Sym)*>(symbol)->st_size, (2 + slots) * sizeof(void*));
}

/// Our view of the members, made visible.
struct Members : sd::ops::DeclarableCustomOp {
    using DeclarableOp::descriptor_;
    using DeclarableOp::scalar_;
};

TEST(Libnd4jAbi, MembersLieWhereWeDeclareThem) {
    Probe probe;
    EXPECT_EQ(*probe.getOpName(), "dcn4j_abi_probe");
    EXPECT_EQ(probe.*(&Members::descriptor_), probe.getOpDescriptor());
    // The constructor of the real class must not write past the end of ours.
    struct Guarded {
        Probe probe;
        unsigned char after[64];
    };
    alignas(Guarded) unsigned char memory[sizeof(Guarded)];
    std::memset(memory, 0xa5, sizeof memory);
    auto* guarded = new (memory) Guarded;
    for (unsigned char byte : guarded->after) ASSERT_EQ(byte, 0xa5);
    guarded->~Guarded();
}

TEST(Libnd4jAbi, ShapeListFitsAndHoldsWhatItIsGiven) {
    const sd::LongType sizes[] = {2, 3, 4, 5};
    const auto* info =
        sd::ConstantShapeHelper::getInstance().createShapeInfo(sd::FLOAT32, 'c', 4, sizes);
    const sd::LongType expected[] = {4, 2, 3, 4, 5, 60, 20, 5, 1};
    for (int i = 0; i < 9; ++i) EXPECT_EQ(info[i], expected[i]) << i;
    const sd::LongType flags[] = {8192, 16384, 4096, 2048};
    const sd::DataType types[] = {sd::FLOAT32, sd::DOUBLE, sd::HALF, sd::BFLOAT16};
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(
            sd::ConstantShapeHelper::getInstance().createShapeInfo(types[i], 'c', 4, sizes)[9],
            flags[i]);
    }
    alignas(sd::ShapeList) unsigned char memory[sizeof(sd::ShapeList)];
    std::memset(memory, 0xa5, sizeof memory);
    auto* list = new (memory) sd::ShapeList(std::vector<const sd::LongType*>{info, info});
    EXPECT_EQ(list->size(), 2);
    EXPECT_EQ(list->at(1), info);
    EXPECT_EQ(memory[sizeof memory - 1], 0xa5) << "the real class is larger than ours";
}

TEST(Libnd4jAbi, ThreadSettingCanBeRead) {
    EXPECT_GE(sd::Environment::getInstance().maxThreads(), 1);
}

/// The undefined symbols of our library that belong to libnd4j, read from its own symbol table.
std::set<std::string> symbolsUsed() {
    std::ifstream file(DCN4J_LIBRARY, std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(bytes.data());
    const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(bytes.data() + header->e_shoff);
    std::set<std::string> names;
    for (int i = 0; i < header->e_shnum; ++i) {
        if (sections[i].sh_type != SHT_DYNSYM) continue;
        const char* strings = bytes.data() + sections[sections[i].sh_link].sh_offset;
        const auto* symbols =
            reinterpret_cast<const ElfW(Sym)*>(bytes.data() + sections[i].sh_offset);
        for (std::size_t s = 0; s < sections[i].sh_size / sizeof(ElfW(Sym)); ++s) {
            const std::string name = strings + symbols[s].st_name;
            if (symbols[s].st_shndx == SHN_UNDEF && name.find("2sd") != std::string::npos) {
                names.insert(name);
            }
        }
    }
    return names;
}

TEST(Libnd4jAbi, EverySymbolUsedIsThere) {
    const auto used = symbolsUsed();
    EXPECT_GT(used.size(), 10u) << "nothing was read from " DCN4J_LIBRARY;
    for (const std::string& name : used) {
        EXPECT_NE(dlsym(nd4j(), name.c_str()), nullptr) << demangled(name.c_str());
    }
}

TEST(Libnd4jAbi, OpLibraryLoadsAndRegistersItsOps) {
    ASSERT_NE(nd4j(), nullptr);
    void* ours = dlopen(DCN4J_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(ours, nullptr) << dlerror();
    for (const char* name :
         {"deformable_conv2d", "deformable_conv2d_bp", "dcn4j_conv2d", "dcn4j_conv2d_bp",
          "deformable_psroi_pooling", "deformable_psroi_pooling_bp", "dcnv3", "dcnv3_bp",
          "multi_scale_deformable_attention", "multi_scale_deformable_attention_bp",
          "dcn4j_one_thread", "dcn4j_sigmoid", "dcn4j_sigmoid_bp"}) {
        EXPECT_NE(sd::ops::OpRegistrator::getInstance().getOperation(name), nullptr) << name;
    }
}

}  // namespace
