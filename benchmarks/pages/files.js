/* Give asv's pages the files of data.js, so that they can be opened without a server. */
(function () {
    var files = window.ASV_FILES, ask = $.ajax;
    $.ajax = function (options) {
        var name = decodeURIComponent(options.url.split("?")[0]);
        if (!Object.prototype.hasOwnProperty.call(files, name)) {
            if (options.dataType === "json") { return $.Deferred().reject().promise(); }
            return ask.apply($, arguments);
        }
        return $.Deferred().resolve(JSON.parse(files[name])).promise();
    };
})();
