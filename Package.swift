// swift-tools-version: 6.2
import PackageDescription

/// Every target is built with the same strictness: warnings stop the build, C types cannot leak out of
/// their wrapper, and an import that is not declared is not visible.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = [], embedding files: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: files.map { .embedInCode($0) }, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")

func program(_ name: String) -> Target {
    .executableTarget(name: name, dependencies: ["Commands", argumentParser], swiftSettings: strict)
}

let package = Package(
    name: "zimage",
    products: [
        .executable(name: "zserve", targets: ["zserve"]),
        .executable(name: "zadmin", targets: ["zadmin"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    ],
    targets: [
        // MARK: 0 C
        system("CLibpq", pkgConfig: "libpq", apt: "libpq-dev"),
        system("CLibcurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("CLibargon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
        system("CLibvips", pkgConfig: "vips", apt: "libvips-dev"),

        // MARK: 1 wrappers
        library("Postgres", ["CLibpq"]),
        library("Curl", ["CLibcurl"]),
        library("Vips", ["CLibvips"]),

        // MARK: 2 values
        library("Domain"),

        // MARK: 3 stages
        library("Keys", ["Domain", "Postgres", "CLibargon2", crypto]),
        library("Admission", ["Domain", "Postgres"]),
        library("Ledger", ["Domain", "Postgres", crypto]),
        library("Queue", ["Domain", "Postgres"]),
        library("Moderation", ["Domain", "Postgres", "Curl", crypto]),
        library("Providers", ["Domain", "Postgres", "Curl", "Vips", crypto]),
        library("Images", ["Domain", "Vips", "Curl", crypto]),
        library("Callbacks", ["Domain", "Postgres", "Curl"]),
        library("Reports", ["Domain", "Postgres"]),

        // MARK: 4 life
        library("JobLife", [
            "Domain", "Postgres", "Keys", "Admission", "Ledger", "Queue", "Moderation", "Providers", "Images", "Callbacks",
            "Reports", logging, lifecycle,
        ]),

        // MARK: 5 faces
        library("API", [
            "Domain", "Postgres", "Keys", "Admission", "Ledger", "Moderation", "Images", "Reports", "JobLife", hummingbird,
            logging, crypto, nio, httpTypes, mustache,
        ], embedding: [
            "OpenAPI/openapi.json", "OpenAPI/docs.mustache", "OpenAPI/docs-contents.mustache", "OpenAPI/docs.css",
        ]),
        library("Simulator", ["Domain", "Vips", "Curl", "Providers", hummingbird, nio, httpTypes, logging]),
        library("Commands", [
            "Domain", "Postgres", "Curl", "Vips", "Keys", "Admission", "Ledger", "Queue", "Moderation", "Providers", "Images",
            "Callbacks", "Reports", "JobLife", "API", "Simulator", argumentParser, configuration, systemPackage, hummingbird, lifecycle,
            unixSignals, logging, nio, hummingbirdCore, crypto, mustache,
        ]),
        program("zserve"),
        program("zadmin"),

        // MARK: tests
        .target(
            name: "TestSupport", dependencies: ["Domain", "Postgres", "Curl", "Keys", "Admission", "Ledger"],
            path: "Tests/TestSupport", swiftSettings: strict),
        tests("TidyTests"),
        tests("DomainTests", ["Domain", "TestSupport"]),
        tests("PostgresTests", ["Postgres", "TestSupport"]),
        tests("CurlTests", ["Curl", "TestSupport"]),
        tests("VipsTests", ["Vips"]),
        tests("KeysTests", ["Keys", "Domain", "Postgres", "TestSupport"]),
        tests("AdmissionTests", ["Admission", "Ledger", "Queue", "Domain", "Postgres", "TestSupport"]),
        tests("QueueTests", ["Queue", "Admission", "Domain", "Postgres", "TestSupport"]),
        tests("LedgerTests", [
            "Ledger", "Admission", "Queue", "Keys", "Moderation", "Reports", "Callbacks", "Providers", "Domain", "Postgres",
            "TestSupport", crypto,
        ]),
        tests("ModerationTests", ["Moderation", "Domain", "Curl", "Postgres", "TestSupport"]),
        tests("ReportsTests", ["Reports", "Admission", "Queue", "Providers", "Domain", "Postgres", "TestSupport"]),
        tests("ImagesTests", ["Images", "Domain", "Vips", "Curl", "TestSupport", crypto]),
        tests("ProvidersTests", ["Providers", "Domain", "Postgres", "Curl", "Vips", "TestSupport", crypto]),
        tests("CallbacksTests", ["Callbacks", "Domain", "Curl", "Postgres", "TestSupport"]),
        tests("JobLifeTests", [
            "JobLife", "Admission", "Queue", "Moderation", "Providers", "Images", "Callbacks", "Reports", "Domain",
            "Postgres", "TestSupport", "Curl", "Keys", "Simulator", lifecycle, logging,
        ]),
        tests("APITests", [
            "API", "JobLife", "Keys", "Admission", "Ledger", "Queue", "Moderation", "Providers", "Images", "Domain", "Postgres",
            "Curl", "TestSupport", hummingbird, hummingbirdCore, hummingbirdTesting, httpTypes, nio, logging,
        ]),
        tests("SimulatorTests", ["Simulator", "Providers", "Domain", "Curl", "Vips", "TestSupport"]),
        tests("SystemTests", ["Curl", "Domain", "Postgres", "Providers", "Simulator", "TestSupport", "zserve", "zadmin"]),
    ]
)
