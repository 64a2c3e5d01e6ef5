import Foundation

/// The targets that `Package.swift` declares, with the modules that each may import. SwiftPM itself lets a target
/// import whatever happens to be built already, so the tests hold the targets to their declarations.
struct PackageManifest {
    /// Target to modules.
    let dependencies: [String: Set<String>]

    init(_ text: String) {
        let products = Self.products(text)
        var found: [String: Set<String>] = [:]
        for opening in ["library(\"", "tests(\"", "name: \""] {
            for rest in Self.after(opening, in: text) {
                guard let end = rest.firstIndex(of: "\"") else { continue }
                let name = String(rest[..<end])
                let call = rest[rest.index(after: end)...]
                guard let list = Self.list(call) else { continue }
                found[name] = Set(list.compactMap { Self.module($0, products) })
            }
        }
        for rest in Self.after("program(\"", in: text) {
            found[String(rest.prefix { $0 != "\"" })] = ["Commands", "ArgumentParser"]
        }
        dependencies = found
    }

    private static func after(_ opening: String, in text: String) -> [Substring] {
        var found: [Substring] = []
        var rest = text[...]
        while let range = rest.range(of: opening) {
            rest = rest[range.upperBound...]
            found.append(rest)
        }
        return found
    }

    /// `let crypto: Target.Dependency = .product(name: "Crypto", ...)`: the product's module has its name.
    private static func products(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") where line.contains(": Target.Dependency = .product(name: \"") {
            let words = line.split { " :\"".contains($0) }
            guard let index = words.firstIndex(of: ".product(name"), words.count > index + 1 else { continue }
            found[String(words[1])] = String(words[index + 1])
        }
        return found
    }

    /// The list right after a target's name: `)` is none, `, [a, b])` or `, dependencies: [a, b]` is one.
    private static func list(_ call: Substring) -> [Substring]? {
        if call.hasPrefix(")") { return [] }
        let start = call.drop { ", \n".contains($0) }
        let inner = start.hasPrefix("dependencies: ") ? start.dropFirst("dependencies: ".count) : start
        guard inner.hasPrefix("["), let end = inner.firstIndex(of: "]") else { return nil }
        return inner[..<end].dropFirst().split { ", \n".contains($0) }
    }

    private static func module(_ word: Substring, _ products: [String: String]) -> String? {
        word.hasPrefix("\"") ? String(word.dropFirst().dropLast()) : products[String(word)]
    }
}
