<?php

defined('_IN_PHM_') || exit;

/** Answers WebDAV requests for /<user>/files/…; any existing user name leads to the own files, as in the product. */
final class DavServer
{
    private const METHODS = 'OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, PROPFIND';

    /** @var list<string> user, handler, then folders and file */
    private readonly array $names;

    public function __construct(private readonly Database $database, private readonly FileStore $files)
    {
        $this->names = array_values(array_filter(explode('/', $_SERVER['PATH_INFO'] ?? ''), 'strlen'));
    }

    public function answer(): never
    {
        match ($_SERVER['REQUEST_METHOD']) {
            'OPTIONS' => $this->options(),
            'PROPFIND' => $this->list(),
            'GET', 'HEAD' => $this->get(),
            'PUT' => $this->put(),
            'MKCOL' => $this->addFolder(),
            'DELETE' => $this->delete(),
            default => Gate::refuse(501, 'Not implemented'),
        };
        exit;
    }

    private function options(): void
    {
        header('DAV: 1');
        header('Allow: ' . self::METHODS);
        header('MS-Author-Via: DAV');
    }

    /** The path below /<user>/files, '' for the root of the files. */
    private function path(): string
    {
        [$user, $handler] = $this->names + ['', ''];
        if ($handler !== 'files' || !(new Users($this->database))->isTaken($user)) {
            Gate::refuse(404, 'Not found');
        }
        return implode('/', array_slice($this->names, 2));
    }

    /** @return array<string, ?string> the folder that holds the last name of the path */
    private function parent(): array
    {
        $path = $this->path();
        $folder = $path === '' ? null : $this->files->folder(dirname($path) === '.' ? '' : dirname($path));
        return $folder ?? Gate::refuse(409, 'The folder above does not exist');
    }

    private function get(): void
    {
        $item = $this->files->item($this->path());
        $place = $item === null ? '' : $this->files->place($item);
        if (!is_file($place)) {
            Gate::refuse(404, 'Not found');
        }
        header('Content-Type: ' . $item['type']);
        header('Content-Length: ' . filesize($place));
        $_SERVER['REQUEST_METHOD'] === 'GET' && readfile($place);
    }

    private function put(): void
    {
        $folder = $this->parent();
        if ($this->files->folder($this->path()) !== null) {
            Gate::refuse(409, 'A folder has this name');
        }
        $isNew = $this->files->item($this->path()) === null;
        $body = fopen('php://input', 'r');
        if (!$this->files->put($folder, basename($this->path()), $body)) {
            Gate::refuse(507, 'The file could not be stored');
        }
        http_response_code($isNew ? 201 : 200);
    }

    private function addFolder(): void
    {
        $path = $this->path();
        if ($path === '' || $this->files->folder($path) !== null || $this->files->item($path) !== null) {
            Gate::refuse(405, 'This name is taken');
        }
        $isMade = $this->files->addFolder($this->parent(), basename($path));
        $isMade ? http_response_code(201) : Gate::refuse(507, 'The folder could not be made');
    }

    private function delete(): void
    {
        $path = $this->path();
        $item = $path === '' ? null : $this->files->item($path);
        $folder = $path === '' || $item !== null ? null : $this->files->folder($path);
        if ($item === null && ($folder === null || $folder['att_icon'] !== null && $folder['att_icon'] !== '')) {
            Gate::refuse($folder === null ? 404 : 403, 'This can not be deleted');
        }
        $item !== null ? $this->files->delete($item) : $this->files->deleteFolder($folder);
        http_response_code(204);
    }

    private function list(): void
    {
        $here = rtrim($_SERVER['SCRIPT_NAME'] . ($_SERVER['PATH_INFO'] ?? ''), '/');
        $deep = ($_SERVER['HTTP_DEPTH'] ?? '1') !== '0';
        if ($this->names === []) {
            $this->send([["$here/", null], ...($deep ? [["$here/calendar/", null], ["$here/files/", null]] : [])]);
            return;
        }
        $item = $this->files->item($this->path());
        $folder = $item === null ? $this->files->folder($this->path()) : null;
        if ($item === null && $folder === null) {
            Gate::refuse(404, 'Not found');
        }
        $entries = [[$here . ($item === null ? '/' : ''), $item]];
        if ($deep && $folder !== null) {
            foreach ($this->files->folders($folder) as $below) {
                $entries[] = ["$here/{$below['friendly_name']}/", null];
            }
            foreach ($this->files->items($folder) as $file) {
                $entries[] = ["$here/{$file['friendly_name']}", $file];
            }
        }
        $this->send($entries);
    }

    /** @param list<array{string, ?array<string, ?string>}> $entries address and, for a file, its row */
    private function send(array $entries): void
    {
        http_response_code(207);
        header('Content-Type: application/xml; charset="utf-8"');
        echo '<?xml version="1.0" encoding="utf-8"?>', "\n<d:multistatus xmlns:d=\"DAV:\">";
        foreach ($entries as [$address, $file]) {
            $address = implode('/', array_map('rawurlencode', explode('/', $address)));
            echo "<d:response><d:href>$address</d:href><d:propstat><d:prop>";
            if ($file === null) {
                echo '<d:resourcetype><d:collection/></d:resourcetype>';
            } else {
                echo '<d:resourcetype/><d:getcontentlength>', $file['size'], '</d:getcontentlength><d:getcontenttype>',
                    htmlspecialchars((string) $file['type'], ENT_XML1), '</d:getcontenttype><d:getlastmodified>',
                    gmdate('D, d M Y H:i:s \G\M\T', (int) strtotime((string) $file['mtime'])), '</d:getlastmodified>';
            }
            echo '</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>';
        }
        echo '</d:multistatus>';
    }
}
