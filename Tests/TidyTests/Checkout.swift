import Foundation

/// One text file of the checkout.
struct SourceFile {
    /// From the checkout's root: `Sources/Domain/JSON.swift`.
    let path: String
    let text: String

    /// The folder under `Sources` or `Tests`, which is also the module's name.
    var module: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }
}

/// The checkout that the tests were built from.
struct Checkout {
    let root: String

    init() {
        // Sources/../Tests/TidyTests/Checkout.swift; links are followed so that a linked checkout is read once.
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    }

    /// A checkout somewhere else.
    init(root: String) { self.root = root }

    /// Files that one person wrote by hand are below this; larger ones are data.
    private static let fileBytesMax = 1024 * 1024

    /// The Swift files of the given top folders, sorted by path.
    func swiftFiles(in folders: [String]) throws -> [SourceFile] {
        try folders.flatMap { try files(under: $0) }.filter { $0.path.hasSuffix(".swift") }
    }

    /// Every text file that is not build output, data or git's own.
    func allFiles() throws -> [SourceFile] { try files(under: "") }

    private func files(under folder: String) throws -> [SourceFile] {
        var found: [SourceFile] = []
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? root : "\(root)/\(folder)")
        for name in names.sorted() {
            // Hidden folders are build output (`.build`), data (`.dev`, `.zimage`) or git's; `.ci` is ours.
            if name.hasPrefix("."), ![".ci", ".github", ".gitignore"].contains(name) { continue }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                found += try files(under: path)
            } else if let data = FileManager.default.contents(atPath: "\(root)/\(path)"), data.count <= Self.fileBytesMax,
                let text = String(data: data, encoding: .utf8)
            {
                found.append(SourceFile(path: path, text: text))
            }
        }
        return found
    }
}
