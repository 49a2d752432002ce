declare("""
/// ROOT prints an error, such as a missing file, and goes on: here it ends the run.
void stop_at_errors(int level, bool abort, const char *at, const char *what) {
    static std::atomic<int> bad{0}; // baskets: ROOT's next error has their file, ten times
    if (level < kError || strstr(at, "::Close") || (strstr(at, "ReadBasket") && bad++ < 10))
        return DefaultErrorHandler(level, abort, at, what);
    throw std::runtime_error(Form("%s: %s (%s)", at, what, gFile ? gFile->GetName() : ""));
}""")
_ = ROOT.gInterpreter.ProcessLine("SetErrorHandler(stop_at_errors);")
