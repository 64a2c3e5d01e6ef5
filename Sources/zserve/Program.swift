import ArgumentParser
import Commands

@main
enum Program {
    static func main() async { await Zserve.main() }
}
