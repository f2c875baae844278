// Whether ThreadSanitizer's reports on OpenMP code are true: `race_test race` has a race that must
// be reported, `race_test` none.
#include <cstdio>
#include <string>

int main(int count, char** arguments) {
    const bool race = count > 1 && std::string(arguments[1]) == "race";
    int shared = 0, own[2] = {};
#pragma omp parallel for num_threads(2) schedule(static, 1)
    for (int i = 0; i < 2; ++i) {
        for (int step = 0; step < 1000; ++step) {
            if (race) {
                shared = shared + 1;
            } else {
                own[i] = own[i] + 1;
            }
        }
    }
    // Reads what the other thread wrote: no race, for the region's end comes in between.
    std::printf("%d\n", shared + own[0] + own[1]);
    return 0;
}
