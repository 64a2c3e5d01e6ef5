import Foundation
import Testing

/// The checkout works wherever it lies, so no file names a folder of the machine on which it was written.
@Suite struct MachinePathTests {
    @Test func noFileNamesAFolderOfADeveloper() throws {
        let checkout = Checkout()
        let files = try checkout.allFiles()
        #expect(files.contains { $0.path == "Package.swift" } && files.contains { $0.path.hasPrefix("ops/") })
        #expect(files.contains { $0.path.hasPrefix("Migrations/") } && files.contains { $0.path.hasPrefix(".ci/") })
        #expect(files.flatMap { machinePaths(in: $0, root: checkout.root) } == [])
    }

    @Test(arguments: [
        "/ho" + "me/ann/zimage/data", "see /Us" + "ers/ann/x", "cd /ro" + "ot/zimage", "/var/fol" + "ders/ab/T/x",
        "open(\"/t" + "mp/ann/log\")", "C:\\Us" + "ers\\ann", "/private/t" + "mp/x", "lies in /srv/some/checkout/Sources",
    ])
    func plantedPathIsFound(line: String) throws {
        let file = SourceFile(path: "ops/planted", text: "first\n\(line)\n")
        let found = machinePaths(in: file, root: "/srv/some/checkout")
        #expect(found.count == 1)
        #expect(try #require(found.first).hasPrefix("ops/planted:2: "))
    }

    @Test(arguments: [
        "/var/lib/zimage/x", "/usr/bin/env", "\"$root/ops\"", "/t" + "mp/zimage-", "mktemp -d", "https://a.example/ho" + "me/",
    ])
    func pathOfTheProductIsNot(line: String) {
        #expect(machinePaths(in: SourceFile(path: "ops/x", text: line), root: "/srv/some/checkout") == [])
    }

    // MARK: the check

    /// Pieces are joined here so that this file does not name what it looks for.
    private static let homes = ["/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/", "/var/fol" + "ders/", "/private/t" + "mp/", "\\Us" + "ers\\"]
    private static let temporary = "/t" + "mp/"
    /// Temporary folders of the product itself, whose names it chooses.
    private static let own = ["zimage-", "a$b"]

    private func machinePaths(in file: SourceFile, root: String) -> [String] {
        file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
            guard let path = machinePath(in: line, root: root) else { return nil }
            return "\(file.path):\(index + 1): names \(path) of one machine: work it out when the program runs"
        }
    }

    private func machinePath(in line: Substring, root: String) -> String? {
        if root.count > 4, line.contains(root) { return root }
        for home in Self.homes {
            for range in line.ranges(of: home) where isStart(range.lowerBound, in: line) && continues(range.upperBound, in: line) {
                return home
            }
        }
        for range in line.ranges(of: Self.temporary) where isStart(range.lowerBound, in: line) {
            let rest = line[range.upperBound...]
            if continues(range.upperBound, in: line), !Self.own.contains(where: rest.hasPrefix) { return Self.temporary }
        }
        return nil
    }

    /// An absolute path begins here: nothing of a longer path, of a variable or of a URL is in front.
    private func isStart(_ index: Substring.Index, in line: Substring) -> Bool {
        guard index > line.startIndex else { return true }
        let before = line[line.index(before: index)]
        if line[index] == "\\" { return before == ":" }
        return !(before.isLetter || before.isNumber || "}).-_/~$".contains(before))
    }

    private func continues(_ index: Substring.Index, in line: Substring) -> Bool {
        index < line.endIndex && (line[index].isLetter || line[index].isNumber || "._".contains(line[index]))
    }
}
